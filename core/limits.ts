/**
 * Every bound of the ledger, with its reason. Units come last in a name.
 *
 * A bound that belongs to a format can only ever grow in a new format; the others may be tuned.
 */

// Records. 65,535 bytes is what one entry of a C2SP tlog-tiles entry bundle can carry (u16 length).
export const recordBytesMax = 65_535

// Names: 255 bytes is what file systems allow for one component. A name with a slash in it is a
// path of several.
export const nameBytesMax = 255
export const pathBytesMax = 1_024
export const pathDepthMax = 64
// Of a ledger, with all above it: what Linux takes for a path (PATH_MAX).
export const directoryBytesMax = 4_096
export const descriptionBytesMax = 4_096
export const reasonBytesMax = 1_024
export const idempotencyKeyBytesMax = 255

// Metadata of one call: each of these bounds leaves room for the rest of an ordinary event. A save
// at every bound at once can still exceed the bound of a record, and is refused then.
export const metadataKeyBytesMax = 255
export const metadataKeyCountMax = 256
export const metadataValueBytesMax = 16_384
export const metadataBytesMax = 49_152
export const metadataDepthMax = 16
// All metadata of a target is one map in its row, which each event about the target writes anew and
// whose past states are kept: bounded, however many calls logged it.
export const targetMetadataBytesMax = 262_144

export const saveTagCountMax = 32
export const saveInputCountMax = 256
// A target's tags are one list in its row: bounded, so that a row stays small.
export const targetTagCountMax = 256

// A Tree travels inside the event up to this many entries; a larger one is a manifest in the blobs.
export const treeInlineCountMax = 16
export const treeEntryCountMax = 10_000_000

// Values held in memory while they are turned into files; streams have no such bound.
export const valueDepthMax = 1_000
export const valueBytesMax = 2_147_483_648
export const tableColumnStatisticsMax = 64
// V8 holds no longer string, and JSON is written and parsed as one (node:buffer, constants).
export const jsonTextLengthMax = 536_870_888
// What NumPy 1.x opens; later releases allow twice as many.
export const arrayDimensionCountMax = 32
// Three quarters of a value of metadata: one that is too large would lose all of its columns.
export const tableColumnsBytesMax = 12_288
// Profiles and previews may come before the size of a JPEG, but not endlessly.
export const imageHeaderBytesMax = 1_048_576
// Copied in one go before it is stored; of a larger value only a slice at a time is held twice.
export const copyBytesMax = 4_194_304
// What errors print of a caller's key or class, and of the path to a part of his value.
export const shownNameLengthMax = 64
export const shownPathLengthMax = 400
// A preview is for a glance: it must fit beside others on a screen.
export const previewLineCountMax = 5
export const previewLineLengthMax = 120

// Six characters of randomness tell 32^6 ids apart; fewer would be ambiguous in small ledgers.
export const idPartLengthMin = 6

export const pageSizeDefault = 20
export const pageSizeMax = 1_000
export const cursorBytesMax = 4_096
export const candidateCountMax = 10

// Versions of one event that says whose content was swept: names of 255 bytes fit a record.
export const sweptVersionCountMax = 64
// What was deleted can be restored for so long, unless a sweep is told otherwise.
export const undoDaysDefault = 7
// A century.
export const undoDaysMax = 36_525
// Blobs that a sweep removes in one go: each goes through the index, and each digest is text.
export const removedCountMax = 50_000

// Read in one go while content is verified: others get their turns in between.
export const checkBytesMax = 16_777_216
// What a verification lists; of the rest it says how many there are.
export const findingCountMax = 1_000

// The inbox holds this many waiting requests, a batch being one; a caller beyond waits.
export const inboxCountMax = 4_096
// One durable write carries this many requests: more would only make the first ones wait longer.
export const batchCountMax = 256
// A durable write takes no further request once it carries this much: one request may make many
// events, and what comes next should not wait for all of them, nor memory hold them.
export const batchEventCountMax = 4_096
export const batchBytesMax = 16_777_216
// Commands of one `batch`: they are decided in one go, and block the writer meanwhile.
export const compositeCountMax = 1_000

// Changes of the views are kept in memory and stored together: rows that change often are then
// written once. After a kill the next opening folds so many events again (some 0.2 s).
export const heldEventCountMax = 1_024
// Bytes of the records behind them: their values lie in memory meanwhile.
export const heldBytesMax = 4_194_304
// So many times as much may be held while rows are being stored: beyond that, writes wait for it.
export const heldTimesMax = 4

// Rows of the blob index that are held until so many frames, or bytes of them, have come together:
// what a kill leaves to be read again.
export const indexHeldCountMax = 512
export const indexHeldBytesMax = 16_777_216
// So many times as much may be held while rows are being written: beyond that, puts wait for it.
export const indexHeldTimesMax = 4
// Rows of each kind that stay in memory, and as many again of an older generation.
export const indexLatelyCountMax = 8_192
// Live rows that stay decoded, in bytes as they are stored; up to twice as many are in memory.
export const liveRowsBytesMax = 4_194_304

// Versions that a plan of what to prune names: it lies in memory, some 200 bytes each.
export const planVersionCountMax = 200_000
// Artifacts of which a plan remembers what was looked up: beyond it looks them up again.
export const planArtifactCountMax = 1_000
// Deletions of a prune that are handed in side by side: as many as share one durable write.
export const pruneCountMax = 256

// Contents that one call takes in side by side: enough to share an fsync, few enough for memory.
export const intakeCountMax = 4
// Of contents that lie in memory as they are: the fewer fsyncs, the sooner many of them are in.
export const heldIntakeCountMax = 64

// Groups of files that are taken in side by side while a folder is scanned, and bytes of them that
// are in memory: so many share an fsync. Entries of a directory that make a part of its manifest.
export const scanGroupCountMax = 12
export const scanGroupBytesMax = 262_144
export const scanBytesMax = 16_777_216
export const scanPageCount = 128
// Small files of a folder that was left in place, read in one go when they are sent.
export const sentFileCountMax = 128
// Of a directory of more entries, pages go into its manifests as they come. Those of a shorter one
// wait in memory for the last: some 200 bytes an entry.
export const scanLongCountMin = 4_096
// Manifests of small directories that are stored together, and bytes of them: they wait in memory.
export const manifestGroupCountMax = 128
export const manifestGroupBytesMax = 262_144
// A file of so many bytes is read in one go, a larger one in parts of so many.
export const fileReadBytes = 1_048_576

// Entries of archives that were laid out lately: some 200 bytes of memory each.
export const layoutEntryCountMax = 20_000

// Directories whose manifests are read side by side.
export const manifestCountMax = 32
// Entries of a directory that was left in place which are read at a time.
export const registeredCountMax = 256
// Directories that are listed in one go while a folder is scanned, and that are compared in one go
// with what was registered of them.
export const listingCountMax = 64
export const comparedCountMax = 16
// Files that are written side by side when a version is checked out.
export const checkoutFileCountMax = 8
// Of a registered folder, the extensions that its metadata counts.
export const extensionCountMax = 64

// Zip archives of others, unless the call says otherwise: what they may hold, how many entries, and
// how many times as long that may be as the archive. Deflate makes 1,032 times of it at most, what
// people pack seldom 20; of each archive and each entry the first so many bytes are free.
export const zipBytesMax = 2_147_483_648
export const zipEntryCountMax = 100_000
export const zipRatioMax = 200
export const zipRatioFreeBytes = 1_048_576
// A stream may bring so much more than it may hold: two headers for each of 100,000 entries, with
// the longest names.
export const zipRecordsBytesMax = 268_435_456
// Of an archive that comes as a stream, so much is held in memory; more goes to a file.
export const zipHeldBytesMax = 4_194_304
// Read of an archive in one go: headers and contents of small neighbours come together.
export const zipReadBytes = 65_536
// Inflated in one go: what comes of it has 8 MiB at most, whatever the archive says.
export const zipInflateBytes = 8_192
// An entry of so many bytes is held as a whole while it is taken in, with heldIntakeCountMax more.
export const zipEntryHeldBytesMax = 262_144

// Log records read in one go: large enough to amortise the seek, small enough to stay in cache.
export const replayPageCount = 1_000
// What came of so many events, in records of so many bytes, is stored together while a log is
// folded: rows that change often are written once, and twice as much is in memory.
export const foldedCountMax = 4_000
export const foldedBytesMax = 8_388_608
// For the keys that a build of views has written, a power of two. With two million of them one key
// of 500 that was not written passes for one that was; with ten million, one of four.
export const writtenKeysBytes = 4_194_304

// A seal every so many events bounds what the next opening reads again (about 0.1 s).
export const sealEventCount = 10_000

export const memoryBytesMaxDefault = 1_073_741_824

// A past row is found through rungs of change positions: the last one, and this many before it.
export const rungLength = 16

// Blobs.
export const chunkBytesMin = 16_384
export const chunkBytesAverage = 65_536
export const chunkBytesMax = 262_144
export const packBytesMax = 536_870_912
// A removal moves so much of what stays at once, and cuts as much and more off: that is the room it
// needs. Frames that the index is told of at once: some 2 MB of rows, and as long puts wait.
export const removalSliceBytesMax = 524_288
export const removalSliceCountMax = 8_192
// What such a slice takes, with the rows of its frames. A disk that has less is tight: the reserve
// is given up, slices are small, blobs go in small numbers, and packs are not spared. An index that
// a write failed would have to be made anew.
export const removalRoomBytesMin = 2_097_152
export const tightSliceBytesMax = 65_536
export const tightSliceCountMax = 1_024
export const tightRemovalCountMax = 4_096
// What LevelDB writes for a row that goes.
export const forgottenRowBytes = 64
// Frames of packs whose places are held at once, at 49 bytes each; a pack may have more by itself.
export const removalRowCountMax = 1_000_000
// A pack is compacted when one byte in so many is to go. To give one back, fifteen are moved then;
// what is left lying is 6 %. (Borg compacts segments from 10 %, restic leaves 5 % of a repository.)
export const packGarbageShareMin = 16
// Contents that are named with one stretch of damage: a pack that is lost can have held more.
export const damagedContentCountMax = 1_000
