/** The cursor to the page after these rows; null when they are the last. */
export function nextOf<T>(rows: readonly T[], limit: number, cursor: (row: T) => string): string | null {
  const last = rows.at(-1);
  return rows.length < limit || last === undefined ? null : cursor(last);
}

interface JobKey {
  readonly id: string;
  readonly tenantId: string;
}

/** A job's place in a listing. Neither part can hold a space. */
export function cursorOf({ id, tenantId }: JobKey): string {
  return `${id} ${tenantId}`;
}

/** The place that {@link cursorOf} wrote; the very beginning for an empty cursor. */
export function jobKeyOf(cursor: string): JobKey {
  const [id = "", tenantId = ""] = cursor.split(" ");
  return { id, tenantId };
}

interface WaitingPlace extends JobKey {
  readonly createdAt: number;
}

/** A job's place among those that wait: by age, and by its key among those of one age. */
export function waitingPlaceOf({ createdAt, id, tenantId }: WaitingPlace): string {
  return `${createdAt} ${id} ${tenantId}`;
}

/** The place that {@link waitingPlaceOf} wrote; the very beginning for an empty cursor. */
export function readWaitingPlace(cursor: string): WaitingPlace {
  const [createdAt = "", id = "", tenantId = ""] = cursor.split(" ");
  return { createdAt: Number(createdAt === "" ? -1 : createdAt), id, tenantId };
}

interface QueuePlace {
  readonly queuedSince: number;
  readonly id: string;
}

/** A request's place in the queue: by age, and by id among those of one age. */
export function placeOf({ queuedSince, id }: QueuePlace): string {
  return `${queuedSince} ${id}`;
}

/** The place that {@link placeOf} wrote; the very beginning for an empty cursor. */
export function readPlace(cursor: string): QueuePlace {
  const [since = "", id = ""] = cursor.split(" ");
  return { queuedSince: Number(since === "" ? -1 : since), id };
}

/** True for a request that stands behind the cursor. */
export function placeAfter({ queuedSince, id }: QueuePlace, cursor: string): boolean {
  const from = readPlace(cursor);
  return queuedSince > from.queuedSince || (queuedSince === from.queuedSince && id > from.id);
}
