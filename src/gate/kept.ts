/** Characters of a recorded output, beyond which only its commitment is kept and a replay answers without it. */
export const MAX_KEPT = 262_144;
