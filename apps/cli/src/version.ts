/** Of this command, of the sidecars that it injects and of the collector that it starts. */
export const locumVersion = "0.1.0";
