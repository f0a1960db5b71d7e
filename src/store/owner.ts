import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { OwnerRow } from "./rows.js";

/** How long an owner's word lasts without being renewed, in milliseconds. */
export const LEASE_MS = 30_000;

/** How often it is renewed, in milliseconds. */
export const RENEW_MS = 5_000;

/** This process as an owner of claims. `id` MUST be fresh for each gate. */
export function describeOwner(id: string, now: number, failMode: OwnerRow["failMode"]): OwnerRow {
  const started = startOf(process.pid) ?? "";
  return { id, pid: process.pid, realm: realm(), started, leaseUntil: now + LEASE_MS, failMode };
}

/**
 * True when the owner's process is certainly no more: it lived in this very process namespace, and its pid is gone or
 * was given to another process. Of any other realm nothing is known but the lease.
 */
export function isGone(owner: OwnerRow): boolean {
  if (owner.realm !== realm()) return false;
  if (!isRunning(owner.pid)) return true;
  const started = startOf(owner.pid);
  return owner.started !== "" && started !== undefined && started !== owner.started;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

const BOOT_ID = "/proc/sys/kernel/random/boot_id";

let known: string | undefined;

/** Machine, boot and process namespace. Where the system tells none of it, the host's name is all there is. */
function realm(): string {
  known ??= [hostname(), read(BOOT_ID), link("/proc/self/ns/pid")].join(" ");
  return known;
}

/** This boot of the machine, and its monotonic clock; empty where the system tells none. */
export function bootId(): string {
  const boot = read(BOOT_ID);
  return boot === "" ? "" : [boot, link("/proc/self/ns/time")].join(" ");
}

/** When a process started, in clock ticks since boot: field 22 of proc(5) `stat`. */
function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The second field is the command in brackets and may itself hold brackets and spaces.
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
