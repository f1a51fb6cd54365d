// Package ocpi is the transport of OCPI 2.2.1, without its modules: how a party proves itself, how answers are wrapped, how faults are
// told and lists are paged.
//
//	router := document.Router(app, ocpi.Middleware(verifier.AdmitKey), …)
//	…
//	query, err := ocpi.ReadPage(c, 100)
//	…
//	return ocpi.List(c, origin, query, total, items)
//
// A party sends `Authorization: Token BASE64` with an API key of ours in it. Ids of requests (X-Request-ID, X-Correlation-ID) come
// back as they came. Every answer is an envelope:
//
//	{"data": …, "status_code": 1000, "status_message": "Success", "timestamp": "2026-11-28T16:30:00.000Z"}
//
// A fault keeps its HTTP status when it is one of the transport (who is calling, what is not there, how often, what we could not do)
// or of a body that is no JSON. What is wrong with a well-formed request of a party that may make it is told in the envelope alone, by
// a code of OCPI, with HTTP 200, as the specification wants it (2.2.1, section 5).
package ocpi

// Version is the version of OCPI that is spoken.
const Version = "2.2.1"

// Root is the path below which every module of the version stands, and Versions that of the versions themselves.
const (
	Root     = "/ocpi/" + Version
	Versions = "/ocpi/versions"
)
