#!/usr/bin/env python3
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
"""Runs nginx on 127.0.0.1 for the tests: nginx.py FOLDER

FOLDER/www holds what is served, FOLDER/cert.pem and key.pem a certificate. FOLDER/ports gets the
numbers of the ports for http and https, FOLDER/access.log a line for each request. The system
chooses the ports: they are listened to here, and nginx takes the sockets over.
"""
import os
import shutil
import socket
import sys

CONFIG = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format requests '$server_protocol $request_method $uri $http_range $status';
    access_log {folder}/access.log requests;
    client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
    sendfile on;
    keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{plain};
        {common}
        location ~ ^/to-faulty/([0-9]+)/(.*) {{ return 302 http://127.0.0.1:$1/$2; }}
        location /to-https/ {{ rewrite ^/to-https/(.*) https://localhost:{secure}/$1 redirect; }}
        location /to-other-host/ {{ rewrite ^/to-other-host/(.*) http://localhost:{plain}/$1 redirect; }}
    }}
    server {{
        listen 127.0.0.1:{secure} ssl http2;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        {common}
        location /to-http/ {{ rewrite ^/to-http/(.*) http://localhost:{plain}/$1 redirect; }}
    }}
}}
"""
COMMON = """
        root {folder}/www;
        location /no-ranges/ {{ max_ranges 0; alias {folder}/www/; }}
        location /moved/ {{ rewrite ^/moved/(.*) /$1 redirect; }}
        location /again/ {{ rewrite ^/again/(.*) /again/$1 redirect; }}
        location /private/ {{
            alias {folder}/www/; auth_basic private; auth_basic_user_file {folder}/users;
        }}
        location /token/ {{
            alias {folder}/www/;
            if ($http_x_token != "of the test") {{ return 403; }}
        }}
"""


def listen():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    listener.set_inheritable(True)
    return listener


def main():
    folder = os.path.abspath(sys.argv[1])
    listeners = [listen(), listen()]
    plain, secure = (listener.getsockname()[1] for listener in listeners)
    user = "" if os.getuid() else "user root;"  # otherwise another one, that cannot read the folder
    common = COMMON.format(folder=folder)
    with open(folder + "/nginx.conf", "w") as file:
        file.write(CONFIG.format(folder=folder, plain=plain, secure=secure, common=common, user=user))
    with open(folder + "/users", "w") as file:
        file.write("tester:{PLAIN}of the test\n")
    with open(folder + "/ports.new", "w") as file:
        file.write("%d %d\n" % (plain, secure))
    os.rename(folder + "/ports.new", folder + "/ports")
    os.environ["NGINX"] = "".join("%d;" % listener.fileno() for listener in listeners)
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    os.execv(program, [program, "-p", folder, "-c", folder + "/nginx.conf", "-e", folder + "/error.log"])


main()
