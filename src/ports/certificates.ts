import type { Secret } from "../base/secret.ts";
import type { CertificateSource, DomainFinding, HeldCertificate, HostRecord } from "../model/certificate.ts";
import type { ChallengeAnswer } from "./edge.ts";

/** A certificate with its key. */
export interface StoredCertificate {
  readonly held: HeldCertificate;
  /** PEM, the host's own certificate first. */
  readonly chain: string;
  readonly key: Secret;
}

/** What somebody gave or an authority signed, not yet looked at. */
export interface CertificatePair {
  readonly chain: string;
  readonly key: Secret;
}

/**
 * Where certificates with their keys are kept, for this user alone. Every method that changes something has it on disk, all
 * of it or nothing, when it returns.
 */
export interface CertificateVault {
  /**
   * Looks at a pair: whether the two belong together, and the certificate names these hosts and is not over. Nothing is
   * kept. Fault: `certificate.invalid`.
   */
  read(pair: CertificatePair, about: { source: CertificateSource; hosts: readonly string[] }): StoredCertificate;
  /** All of them. One that cannot be read any more, for whatever reason, is left out, and said in the log. */
  list(): Promise<readonly StoredCertificate[]>;
  /** Keeps one in place of the one with its id. */
  save(certificate: StoredCertificate): Promise<void>;
  /** Forgets one; one that is not there is forgotten already. */
  remove(id: string): Promise<void>;
  /** How asking for hosts has gone. Where that cannot be read any more it is set aside, said in the log, and empty. */
  records(): Promise<readonly HostRecord[]>;
  saveRecords(records: readonly HostRecord[]): Promise<void>;
}

/** Puts exactly these answers where an authority reads them; it can be read when this returns. */
export type Publish = (answers: readonly ChallengeAnswer[]) => Promise<void>;

/** Somebody who signs certificates. */
export interface CertificateAuthority {
  /**
   * One certificate for all these hosts, with a new key. Faults: `authority.unreachable`; `certificate.refused` with the
   * authority's own words, and the hosts that it refused as complaints where it says which. After `ended` nothing is
   * written on this machine any more; what it comes to is nobody's.
   */
  issue(hosts: readonly string[], publish: Publish, ended: AbortSignal): Promise<CertificatePair>;
}

/** Looks at a host from outside, as an authority will. */
export interface DomainProber {
  /** Never throws: what could not be found out is part of the finding. */
  look(host: string, publish: Publish): Promise<DomainFinding>;
}
