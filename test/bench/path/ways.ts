import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../stack/free-port.ts";
import type { Programs } from "./programs.ts";

/** One way to the same server; `pids` are all that computes on it. `grpcPort` takes HTTP/2 with prior knowledge. */
export type Way = { way: string; pids: number[]; port: number; grpcPort: number; config: string };

// As the sidecar is started: a small young generation keeps the memory down and is part of what is measured.
const nodeFlags = ["--max-semi-space-size=1", "--max-old-space-size=64"];
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The server itself, the tap, and the proxies that are installed, each with one thread. */
export async function startWays(programs: Programs): Promise<Way[]> {
  const http = await programs.announced([here("./http-server.ts")]);
  const grpc = await programs.announced([here("./grpc-server.ts")]);
  const upstream = { port: http.port, grpcPort: grpc.port };
  const tap = await programs.announced([
    ...nodeFlags,
    here("../../../apps/sidecar/src/tap/testing/serve-tap.ts"),
    `http://127.0.0.1:${upstream.port}`,
    `127.0.0.1:${upstream.grpcPort}`,
  ]);
  return [
    { way: "direct", pids: [http.pid, grpc.pid], ...upstream, config: "" },
    { way: "tap", pids: [tap.pid], port: tap.port, grpcPort: tap.port, config: "" },
    ...(existsSync(haproxy) ? [await startHaproxy(programs, upstream)] : []),
    ...(existsSync(nginx) ? [await startNginx(programs, upstream)] : []),
  ];
}

type Upstream = { port: number; grpcPort: number };
const haproxy = "/usr/sbin/haproxy";
const nginx = "/usr/sbin/nginx";

/** Without http-no-delay it waits up to 200 ms for more to send, which no proxy in front of a stream should. */
async function startHaproxy(programs: Programs, upstream: Upstream): Promise<Way> {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const config = `global
  nbthread 1
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend http
  bind 127.0.0.1:${port}
  default_backend http
backend http
  server s 127.0.0.1:${upstream.port}
frontend grpc
  bind 127.0.0.1:${grpcPort} proto h2
  default_backend grpc
backend grpc
  server s 127.0.0.1:${upstream.grpcPort} proto h2
`;
  const file = join(programs.dir, "haproxy.cfg");
  await writeFile(file, config);
  const { pid } = await programs.listening(haproxy, ["-db", "-f", file], port);
  return { way: "haproxy", pids: [pid], port, grpcPort, config };
}

async function startNginx(programs: Programs, upstream: Upstream): Promise<Way> {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const config = `daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_requests 1000000;
  upstream http { server 127.0.0.1:${upstream.port}; keepalive 64; keepalive_requests 1000000; }
  upstream grpc { server 127.0.0.1:${upstream.grpcPort}; keepalive 64; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://http;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
  server {
    listen 127.0.0.1:${grpcPort} http2;
    location / { grpc_pass grpc://grpc; }
  }
}
`;
  await writeFile(join(programs.dir, "nginx.conf"), config);
  const { pid } = await programs.listening(nginx, ["-p", programs.dir, "-c", "nginx.conf"], port);
  return { way: "nginx", pids: [pid], port, grpcPort, config };
}
