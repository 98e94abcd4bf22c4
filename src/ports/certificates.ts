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

/** Supplied by a person or signed by an authority, not yet checked. */
export interface CertificatePair {
  readonly chain: string;
  readonly key: Secret;
}

/**
 * Stores certificates with their keys, readable only by this user. Every change is on disk, completely or not at all,
 * when the method returns.
 */
export interface CertificateVault {
  /**
   * Checks a pair: whether the two match, and the certificate names these hosts and has not expired. Stores nothing.
   * Fault: `certificate.invalid`.
   */
  read(pair: CertificatePair, about: { source: CertificateSource; hosts: readonly string[] }): StoredCertificate;
  /** All of them. One that can no longer be read, for whatever reason, is omitted and logged. */
  list(): Promise<readonly StoredCertificate[]>;
  /** Stores one, replacing the one with its id. */
  save(certificate: StoredCertificate): Promise<void>;
  /** Deletes one; no error if it does not exist. */
  remove(id: string): Promise<void>;
  /** Failed requests by host. If the record cannot be read, it is set aside, logged, and empty. */
  records(): Promise<readonly HostRecord[]>;
  saveRecords(records: readonly HostRecord[]): Promise<void>;
}

/** Publishes exactly these answers for an authority; they can be read when this returns. */
export type Publish = (answers: readonly ChallengeAnswer[]) => Promise<void>;

/** A signer of certificates. */
export interface CertificateAuthority {
  /**
   * One certificate for all these hosts, with a new key. Faults: `authority.unreachable`; `certificate.refused` with
   * the authority's message, and the refused hosts as diagnostics if it names them. After `ended` nothing more is
   * written on this machine, and the result is discarded.
   */
  issue(hosts: readonly string[], publish: Publish, ended: AbortSignal): Promise<CertificatePair>;
}

/** Checks a host from outside, as an authority will. */
export interface DomainProber {
  /** Never throws: what could not be determined is part of the finding. */
  look(host: string, publish: Publish): Promise<DomainFinding>;
}
