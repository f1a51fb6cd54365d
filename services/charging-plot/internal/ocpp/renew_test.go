package ocpp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorilla/websocket"
)

// A mount is a directory of files as Kubernetes mounts a Secret: each is a link through ..data, which is exchanged as a whole.
type mount struct {
	t    *testing.T
	dir  string
	turn int
}

func (m *mount) swap(files map[string]string) {
	m.t.Helper()
	m.turn++
	version := fmt.Sprintf("..%d", m.turn)
	must := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(m.dir, version), 0o700))
	for name, text := range files {
		must(os.WriteFile(filepath.Join(m.dir, version, name), []byte(text), 0o600))
		if m.turn == 1 {
			must(os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)))
		}
	}
	must(os.Symlink(version, filepath.Join(m.dir, "..data_tmp")))
	must(os.Rename(filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")))
}

func (m *mount) path(name string) string { return filepath.Join(m.dir, name) }

// Each connection is made by the certificates that the files hold at that moment, and who is connected stays so.
func TestRenewedCertificatesAreTakenWithoutARestart(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t), newAuthority(t)
	const station = "CP-1"
	m := &mount{t: t, dir: t.TempDir()}
	issue := func(a *authority, authorities string) map[string]string {
		cert, key := a.server()
		return map[string]string{"tls.crt": cert, "tls.key": key, "ca.crt": authorities}
	}
	start := issue(first, first.PEM)
	m.swap(start)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *Config) {
		c.TLSListener, c.TLSCertificate, c.TLSKey, c.TLSClientCA = listener, start["tls.crt"], start["tls.key"], start["ca.crt"]
		c.TLSCertificateFile, c.TLSKeyFile, c.TLSClientCAFile = m.path("tls.crt"), m.path("tls.key"), m.path("ca.crt")
	}, station)
	w.passwords[station] = "" // its certificate is enough

	roots := x509.NewCertPool()
	roots.AddCert(first.cert)
	roots.AddCert(second.cert)
	station1, station2 := pairOf(t, first, station), pairOf(t, second, station)
	tickets := map[*tls.Certificate]tls.ClientSessionCache{&station1: tls.NewLRUClientSessionCache(8), &station2: tls.NewLRUClientSessionCache(8)}
	dial := func(own *tls.Certificate) (conn *websocket.Conn, serves *x509.Certificate) {
		t.Helper()
		dialer := websocket.Dialer{Subprotocols: []string{SubprotocolV16}, HandshakeTimeout: patience, TLSClientConfig: &tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{*own}, MinVersion: tls.VersionTLS12, ClientSessionCache: tickets[own], ServerName: "127.0.0.1",
		}}
		conn, _, err := dialer.DialContext(t.Context(), "wss://"+listener.Addr().String()+"/ocpp/"+station, http.Header{})
		if err != nil {
			return nil, nil
		}
		t.Cleanup(func() { conn.Close() })
		p := &plug{Conn: conn, t: t}
		p.ask("1", "Heartbeat", `{}`)
		state := conn.UnderlyingConn().(*tls.Conn).ConnectionState()
		return conn, state.PeerCertificates[0]
	}

	_, served := dial(&station1)
	if served == nil {
		t.Fatal("the first certificates let nobody in")
	}
	if conn, _ := dial(&station2); conn != nil {
		t.Error("an authority that is none yet is taken")
	}

	m.swap(issue(first, first.PEM+second.PEM))
	stays, renewed := dial(&station1)
	if renewed == nil || renewed.SerialNumber.Cmp(served.SerialNumber) == 0 {
		t.Error("the renewed certificate is not served")
	}
	// A charge point's second socket ends its first, so the one that is to stay is of the last that comes.
	if conn, _ := dial(&station2); conn == nil {
		t.Error("a new authority is not taken")
	} else {
		stays = conn
	}

	broken := issue(second, second.PEM)
	broken["tls.key"] = start["tls.key"]
	m.swap(broken)
	if err := stays.WriteMessage(websocket.TextMessage, []byte(`[2,"2","Heartbeat",{}]`)); err != nil {
		t.Error("who was connected is not any more:", err)
	}
	conn, same := dial(&station2)
	if conn == nil || same.SerialNumber.Cmp(renewed.SerialNumber) != 0 {
		t.Error("a key that does not fit ends the service of the former certificate")
	}

	m.swap(issue(second, second.PEM))
	if conn, last := dial(&station2); conn == nil || last.Issuer.CommonName != "authority" || last.CheckSignatureFrom(second.cert) != nil {
		t.Error("the second authority's certificate is not served")
	}
	if conn, _ := dial(&station1); conn != nil {
		t.Error("a certificate of an authority that is gone lets somebody in")
	}
}

func pairOf(t *testing.T, a *authority, name string) tls.Certificate {
	t.Helper()
	cert, key := a.client(name)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
