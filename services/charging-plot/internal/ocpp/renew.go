package ocpp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
)

// A secureListener speaks TLS by the settings as their files hold them when somebody connects. Kubernetes renews mounted files by
// exchanging a link, so that all change at one moment; where they do not, what does not fit together is left until it does. Who came by
// an authority that is gone may not come back by a session ticket either: each renewal has ticket keys of its own.
type secureListener struct {
	net.Listener
	cfg     Config
	current *tls.Config
	seen    [3]os.FileInfo
	log     *slog.Logger
}

// Accept is called by one goroutine alone, the server's.
func (l *secureListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if now := l.cfg.tlsFiles(); changed(l.seen, now) {
		l.seen = now
		l.renew()
	}
	return tls.Server(conn, l.current), nil
}

// renew reads the files again and keeps what there was when they cannot be used. It is tried again when they change again.
func (l *secureListener) renew() {
	cfg, err := l.cfg.reread()
	if err == nil {
		var next *tls.Config
		if next, err = cfg.tls(); err == nil {
			l.current = next
			l.log.InfoContext(context.Background(), "the certificates for charge points were renewed")
			return
		}
	}
	l.log.WarnContext(context.Background(), "renewed certificates for charge points cannot be used; the former ones stay", "error", err)
}

// tlsFiles says what the files of TLS are now, nil for those that are none or away.
func (c Config) tlsFiles() (found [3]os.FileInfo) {
	for i, path := range []string{c.TLSCertificateFile, c.TLSKeyFile, c.TLSClientCAFile} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			found[i] = info
		}
	}
	return found
}

// changed tells whether a file that is there is another than it was.
func changed(was, is [3]os.FileInfo) bool {
	for i, now := range is {
		if now == nil {
			continue
		}
		if old := was[i]; old == nil || !os.SameFile(old, now) || !old.ModTime().Equal(now.ModTime()) || old.Size() != now.Size() {
			return true
		}
	}
	return false
}

// reread gives the settings as the files hold them now.
func (c Config) reread() (Config, error) {
	for path, into := range map[string]*string{
		c.TLSCertificateFile: &c.TLSCertificate, c.TLSKeyFile: &c.TLSKey, c.TLSClientCAFile: &c.TLSClientCA,
	} {
		if path == "" {
			continue
		}
		text, err := os.ReadFile(path) //nolint:gosec // the operator says which file
		if err != nil {
			return c, err
		}
		*into = string(text)
	}
	return c, nil
}
