import type { Identity } from "../identity.js";

/** Where a request is shown, from where the console begins. */
export function requestPath(identity: Identity, jobId: string, tenantId: string): string {
  return `approvals/${encodeURIComponent(jobId)}${query({ tenant_id: asked(identity, tenantId) })}`;
}

/** The tenant that a link has to name: none, where the identity has a part in its own alone. */
export function asked({ tenants }: Identity, tenantId: string | null): string | null {
  return tenants === undefined ? null : tenantId;
}

/** A query of what is not null. */
export function query(fields: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== null);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
