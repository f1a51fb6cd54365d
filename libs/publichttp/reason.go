package publichttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Reason says in one stable word why a call failed, for people who may not read the error itself: it may tell of our
// network. The words are "forbidden_address", "bad_url", "too_large", "timeout", "name", "tls" and "connection"; "" for nil.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		switch {
		case errors.Is(f, ErrForbidden):
			return "forbidden_address"
		case errors.Is(f, ErrURL):
			return "bad_url"
		case errors.Is(f, ErrTooLarge):
			return "too_large"
		}
	}
	if failed, ok := errors.AsType[*url.Error](err); ok && failed.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "name"
	}
	if isTLS(err) {
		return "tls"
	}
	return "connection"
}

// isTLS tells whether err is one of the many in which a handshake or a certificate fails.
func isTLS(err error) bool {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}
