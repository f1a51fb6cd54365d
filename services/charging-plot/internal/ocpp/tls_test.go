package ocpp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// An authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	PEM  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key, a.PEM, _ = a.make(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// make signs a template, by itself when there is no authority yet.
func (a *authority) make(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func (a *authority) server() (cert, key string) {
	_, _, cert, key = a.make(&x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return cert, key
}

func (a *authority) client(name string) (cert, key string) {
	_, _, cert, key = a.make(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return cert, key
}

// secured opens a TLS port beside the plain one and returns its address and the settings for it.
func secured(t *testing.T, a *authority) (address string, change func(*Config)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert, key := a.server()
	return listener.Addr().String(), func(c *Config) {
		c.TLSListener, c.TLSCertificate, c.TLSKey, c.TLSClientCA = listener, cert, key, a.PEM
		c.FailuresPerMinute = 1000
	}
}

// Charge points of each security profile at real TLS sockets, before the real domain.
func TestSecurityProfiles(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t), newAuthority(t)
	address, change := secured(t, a)
	f := newFieldWith(t, change)
	identity, id := f.ChargePoint.Identity, f.ChargePoint.ID
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	pair := func(cert, key string) tls.Certificate {
		t.Helper()
		p, err := tls.X509KeyPair([]byte(cert), []byte(key))
		f.Must(err)
		return p
	}
	own, twin := pair(a.client(identity)), pair(a.client(identity))
	stranger, foreign := pair(a.client("somebody-else")), pair(other.client(identity))
	const password = "correct horse battery"
	dial := func(secure bool, password string, certificates ...tls.Certificate) int {
		t.Helper()
		request := http.Request{Header: http.Header{}}
		if password != "" {
			request.SetBasicAuth(identity, password)
		}
		dialer := websocket.Dialer{
			Subprotocols: []string{SubprotocolV201}, HandshakeTimeout: patience,
			TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates, MinVersion: tls.VersionTLS12},
		}
		url := f.url + identity
		if secure {
			url = "wss://" + address + "/ocpp/" + identity
		}
		conn, response, err := dialer.DialContext(t.Context(), url, request.Header)
		if response == nil {
			return 0 // not even the handshake of TLS
		}
		if err == nil {
			p := &plug{Conn: conn, t: t}
			p.ask("1", "Heartbeat", `{}`)
			_ = conn.Close()
		}
		return response.StatusCode
	}
	const in, out, none = http.StatusSwitchingProtocols, http.StatusUnauthorized, 0
	sum := sha256.Sum256(own.Certificate[0])
	for _, c := range []struct {
		name     string
		security chargepoint.Security
		want     [8]int
	}{
		//                                                                  ws+pw wss+pw wss+cert stranger's foreign twin nothing stranger's+pw
		{"any", chargepoint.Security{}, [8]int{in, in, in, out, none, in, out, out}},
		{"basic", chargepoint.Security{Profile: chargepoint.BasicProfile}, [8]int{in, in, in, out, none, in, out, out}},
		{"TLS", chargepoint.Security{Profile: chargepoint.TLSProfile}, [8]int{out, in, in, out, none, in, out, out}},
		{"certificate", chargepoint.Security{Profile: chargepoint.CertificateProfile}, [8]int{out, out, in, out, none, in, out, out}},
		{"one certificate", chargepoint.Security{Profile: chargepoint.CertificateProfile, Certificate: sum[:]}, [8]int{out, out, in, out, none, out, out, out}},
	} {
		f.Must(f.Store.SecureChargePoint(t.Context(), id, c.security))
		got := [8]int{
			dial(false, password), dial(true, password), dial(true, "", own), dial(true, "", stranger), dial(true, "", foreign), dial(true, "", twin),
			dial(true, ""), dial(true, password, stranger),
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestProfile2HoldsBehindAGatewayThatIsTrusted(t *testing.T) {
	t.Parallel()
	for proxies, want := range map[string]int{"127.0.0.0/8": http.StatusSwitchingProtocols, "10.0.0.0/8": http.StatusUnauthorized} {
		f := newFieldWith(t, func(c *Config) { c.TrustedProxies = []string{proxies} })
		f.Must(f.Store.SecureChargePoint(t.Context(), f.ChargePoint.ID, chargepoint.Security{Profile: chargepoint.TLSProfile}))
		request := http.Request{Header: http.Header{"X-Forwarded-Proto": {"https"}}}
		request.SetBasicAuth(f.ChargePoint.Identity, "correct horse battery")
		dialer := websocket.Dialer{Subprotocols: []string{SubprotocolV16}, HandshakeTimeout: patience}
		conn, response, err := dialer.DialContext(t.Context(), f.url+f.ChargePoint.Identity, request.Header)
		if response == nil || response.StatusCode != want {
			t.Errorf("behind %s: %v, %v", proxies, response, err)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
}

func TestTLSSettingsThatCannotWorkAreNamed(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := a.server()
	for _, c := range []Config{
		{TLSListen: ":0"},
		{TLSListen: ":0", TLSCertificate: cert, TLSKey: "no key"},
		{TLSListen: ":0", TLSCertificate: cert, TLSKey: key, TLSClientCA: "no certificate"},
	} {
		c.Listen = ":0"
		if c.Validate() == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
