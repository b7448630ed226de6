"""A small Hub, run as a process of its own: data sets from a folder, over HTTP, as huggingface_hub asks for them.

`python hub_server.py FOLDER` prints its port. `FOLDER/owner/name/refs.json` gives the commit of each branch, the files
of a commit lie in `FOLDER/owner/name/<commit>/`. A file named `gated` beside them refuses everybody. What was asked for
is written to `FOLDER/asked.txt`, one path a line.
"""

import hashlib
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

API = re.compile(r"/api/datasets/([^/]+)/([^/]+)(?:/(revision|tree)/([^/]+))?")
FILE = re.compile(r"/datasets/([^/]+)/([^/]+)/resolve/([^/]+)/(.+)")


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = Path()

    def do_GET(self):
        path = urlsplit(self.path).path
        with (self.root / "asked.txt").open("a", encoding="utf-8") as asked:
            asked.write(f"{self.command} {unquote(path)}\n")
        match = API.fullmatch(path) or FILE.fullmatch(path)
        if match is None:
            return self.refuse(404, "", "no such page")
        owner, name, *rest = (unquote(part) if part else part for part in match.groups())
        place = self.root / owner / name
        if not place.is_dir():
            return self.refuse(401, "RepoNotFound", "Repository not found")
        if (place / "gated").exists():
            return self.refuse(403, "GatedRepo", "Access is restricted")
        refs = json.loads((place / "refs.json").read_text("utf-8"))
        revision = rest[1] if path.startswith("/api") else rest[0]
        commit = refs.get(revision or "main", revision)
        if not (place / commit).is_dir():
            return self.refuse(404, "RevisionNotFound", "Invalid rev id")
        if not path.startswith("/api"):
            return self.send_file(place / commit / rest[1], commit)
        files = sorted(file for file in (place / commit).rglob("*") if file.is_file())
        if rest[0] == "tree":
            return self.send([self.describe(file, place / commit) for file in files])
        siblings = [{"rfilename": file.relative_to(place / commit).as_posix()} for file in files]
        return self.send({"id": f"{owner}/{name}", "sha": commit, "siblings": siblings, "private": False, "tags": []})

    do_HEAD = do_GET

    def describe(self, file, folder):
        digest = hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
        path = file.relative_to(folder).as_posix()
        return {"type": "file", "path": path, "size": file.stat().st_size, "oid": digest}

    def send_file(self, file, commit):
        if not file.is_file():
            return self.refuse(404, "EntryNotFound", "Entry not found")
        content = file.read_bytes()
        etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        return self.answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": commit})

    def send(self, document):
        return self.answer(200, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def refuse(self, status, code, message):
        headers = {"Content-Type": "application/json", "X-Error-Code": code, "X-Error-Message": message}
        return self.answer(status, json.dumps({"error": message}).encode(), headers)

    def answer(self, status, content, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *words):
        pass


if __name__ == "__main__":
    Hub.root = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    print(server.server_address[1], flush=True)
    server.serve_forever()
