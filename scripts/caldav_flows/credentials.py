"""Adds Basic authentication to every request, for clients that ask a person for the password.

usage: credentials.py PORT URL NAME:PASSWORD
"""
import base64
import sys

from relay import serve

BASIC = "Basic " + base64.b64encode(sys.argv[3].encode()).decode()
# The compression would be one that the relay cannot read.
serve(int(sys.argv[1]), sys.argv[2], dropped={"accept-encoding", "authorization"}, added=[("Authorization", BASIC)])
