export { askPeer, peerAgent } from "./ask-peer.ts";
export { createFilesServer } from "./serve-files.ts";
