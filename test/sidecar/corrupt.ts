export { overwriteMiddle as corrupt, replaceFile as replaceBy } from "@locum/cli/strikes";
