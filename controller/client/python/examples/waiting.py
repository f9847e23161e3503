"""Prints what waits for an answer, oldest first."""

from assent import Client

client = Client()
for request in client.request_list_all(status="pending", sort="queue"):
    what = " ".join([request["subject"]["path"] or request["access_type"], *request["subject"]["args"]])
    print(request["id"], request["user"]["name"], "@", request["endpoint"]["name"] or "", what, "-", request["justification"] or "")
