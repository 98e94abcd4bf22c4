import type { AppSpec, ServiceTemplate } from "../model/app.ts";

/** What has variables: a service, or the build, and where the manifest has them when its layers are merged. */
export interface Owner extends Pick<ServiceTemplate, "variables"> {
  /** Null: the build. */
  readonly service: string | null;
  readonly at: readonly string[];
}

export function ownersIn({ services, buildVariables }: AppSpec): readonly Owner[] {
  const each = services.map(({ name, variables }) => ({ service: name, variables, at: ["services", name, "env"] }));
  return [...each, { service: null, variables: buildVariables, at: ["env"] }];
}
