/** How a command ended, and what it wrote. */
export interface ProcessResult {
  /**
   * Null when a signal ended it. A sandboxed command that a signal ended, other than the dispatcher's own SIGKILL, has 128
   * plus the signal's number here.
   */
  readonly code: number | null;
  /** Null when it exited. */
  readonly signal: string | null;
  /** UTF-8; what is none is U+FFFD. */
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A command that was started and did not end well: another exit code than 0, stopped, or too much output.
 * It may have had effects. The message holds none of its words: those are in `stdout` and `stderr`, for the host.
 */
export class ProcessError extends Error implements ProcessResult {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(message: string, { code, signal, stdout, stderr }: ProcessResult, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "ProcessError";
    this.code = code;
    this.signal = signal;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}
