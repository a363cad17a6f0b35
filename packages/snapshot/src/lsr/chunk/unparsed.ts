/** Why a parser gave up on a file. Never leaves mapTensors: such a file is chunked by content. */
export class Unparsed extends Error {}
