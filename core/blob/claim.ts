/**
 * Claims: frames that are handed in to be written, and have no place yet. Other puts find a claim
 * until its frame is in the index, or has failed. Knows neither packs nor the index.
 */
import type { BlobFailure } from "../errors.js"
import type { Frame } from "./frame.js"
import type { Row } from "./index-row.js"

/** A row whose place is not known yet. */
export type Unplaced = { [R in Row as R["kind"]]: Omit<R, "pack" | "offset"> }[Row["kind"]]

export interface Claim {
  readonly row: Unplaced
  state: "waiting" | "stored" | BlobFailure
}

export interface Handed {
  readonly claim: Claim
  readonly frame: Frame
}

/**
 * The name of a frame: of a chunk or of a recipe, whatever copies there are of it. Those of recipes
 * are held in great numbers while folders are registered: they are strings that are there already.
 */
export const nameOf = ({ kind, digest }: Pick<Unplaced, "kind" | "digest">): string =>
  kind === "recipe" ? digest : `${kind} ${digest}`
