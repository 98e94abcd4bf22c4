import type { AccessToken } from "../../model/access-token.ts";

/** A second token with the same name is refused (`token.name-taken`); changes of a token that does not exist have no effect. */
export type TokenChange =
  | { readonly kind: "token.created"; readonly token: AccessToken }
  | { readonly kind: "token.used"; readonly name: string; readonly at: number }
  | { readonly kind: "token.revoked"; readonly name: string };

export interface TokenBook {
  find(name: string): Promise<AccessToken | null>;
  /** By name. */
  all(): Promise<readonly AccessToken[]>;
}
