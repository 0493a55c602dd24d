#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A fake Artifactory for tests. Prints one line of JSON with its ports when it is ready; see README.md."""
import argparse
import json
import os
import signal
import sys
import threading
import warnings

import control
import defaults
import listener
import profiles
import server
import tls


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True, help="the durable store; the same folder goes on where it was")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--redirect-host", default="127.0.0.2", help="the second host, of signed URLs")
    parser.add_argument("--profile", default=profiles.DEFAULT_PROFILE, choices=profiles.PROFILES)
    parser.add_argument("--knob", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--settings", help="JSON that replaces the default users, repositories and so on")
    parser.add_argument("--tls", action="store_true", help="also the ports of tls.py")
    parser.add_argument("--ports", default="{}", help='JSON {"main": 8081, "control": 8082}; 0 or absent: any')
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args()


def open_ports(app, args):
    """All listeners by name; the signed host answers in plain text and, with --tls, in TLS too."""
    ports = json.loads(args.ports)
    made = {}

    def add(name, host, handle, context=None):
        made[name] = listener.Listener(name, host, ports.get(name, 0), handle, context)
        made[name].set_state("open")

    add("main", args.host, app.handle)
    add("node_b", args.host, app.handle)
    add("signed", args.redirect_host, app.handle_signed)
    app.signer.bases["http"] = f"http://{args.redirect_host}:{made['signed'].port}"
    if args.tls:
        folder = os.path.join(os.path.abspath(args.folder), "tls")
        tls.mint(folder)
        for name in tls.KINDS:
            add(name, args.host, app.handle, tls.context(folder, name))
        add("signed_tls", args.redirect_host, app.handle_signed, tls.context(folder, "tls"))
        app.signer.bases["https"] = f"https://{args.redirect_host}:{made['signed_tls'].port}"
    return made


def ready_line(app, args, listeners):
    made = {"pid": os.getpid(), "folder": os.path.abspath(args.folder),
            "url": f"http://{args.host}:{listeners['main'].port}{app.knobs.context}",
            "ports": {name: each.port for name, each in listeners.items()},
            "users": defaults.credentials(app.settings.data)}
    if args.tls:
        made["ca"] = os.path.join(made["folder"], "tls", "ca.pem")
        made["tls_url"] = f"https://{args.host}:{listeners['tls'].port}{app.knobs.context}"
    return made


def first_settings(path):
    """The default settings with parts replaced by those of the file."""
    made = defaults.settings()
    if path:
        with open(path, encoding="utf-8") as f:
            made.update(json.load(f))
    return made


def main():
    args = arguments()
    warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 is old on purpose
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    knobs = dict(profiles.parse_knob(text) for text in args.knob)
    app = server.Fake(args.folder, args.profile, knobs, first_settings(args.settings))
    listeners = open_ports(app, args)
    ready = ready_line(app, args, listeners)
    panel = control.Control(app, listeners, ready)
    door = listener.Listener("control", args.host, json.loads(args.ports).get("control", 0), panel.handle)
    door.set_state("open")
    ready["ports"]["control"] = door.port
    ready["control"] = f"http://{args.host}:{door.port}"
    print(json.dumps(ready), flush=True)
    if args.with_parent:
        sys.stdin.buffer.read()
        os._exit(0)
    threading.Event().wait()


if __name__ == "__main__":
    main()
