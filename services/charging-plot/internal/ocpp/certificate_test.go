package ocpp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/pki"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

var someHash = chargepoint.CertificateHash{Algorithm: "SHA256", IssuerNameHash: "aa", IssuerKeyHash: "bb", SerialNumber: "1f"}

const someHashJSON = `{"hashAlgorithm":"SHA256","issuerNameHash":"aa","issuerKeyHash":"bb","serialNumber":"1f"`

func TestMessagesAboutCertificatesReachTheDomain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial201(t, "cp-1")
	asked := chargepoint.CertificateQuery{CertificateHash: someHash, ResponderURL: "http://ocsp.example"}
	for _, c := range []struct {
		name, action, payload, answer string
		told                          any
	}{
		{
			"a contract with its chain", "Authorize", `{"idToken":{"idToken":"DE-8AA-C12345678-9","type":"eMAID"},"certificate":"a chain"}`,
			`{"certificateStatus":"CertificateRevoked","idTokenInfo":{"status":"Invalid"}}`,
			chargepoint.Contract{EMAID: "DE-8AA-C12345678-9", Certificate: "a chain"},
		},
		{
			"a contract with hashes", "Authorize",
			`{"idToken":{"idToken":"DE8AA","type":"eMAID"},"iso15118CertificateHashData":[` + someHashJSON + `,"responderURL":"http://ocsp.example"}]}`,
			`{"certificateStatus":"CertificateRevoked","idTokenInfo":{"status":"Invalid"}}`,
			chargepoint.Contract{EMAID: "DE8AA", Hashes: []chargepoint.CertificateQuery{asked}},
		},
		{
			"a certificate's state", "GetCertificateStatus", `{"ocspRequestData":` + someHashJSON + `,"responderURL":"http://ocsp.example"}}`,
			`{"status":"Accepted","ocspResult":"YW4gT0NTUCByZXNwb25zZQ=="}`, asked,
		},
		{"a state that nobody knows", "GetCertificateStatus", `{"ocspRequestData":` + someHashJSON + `}}`, `{"status":"Failed"}`, nil},
		{
			"a car that wants a contract", "Get15118EVCertificate", `{"iso15118SchemaVersion":"urn:x","action":"Install","exiRequest":"eA=="}`,
			`{"status":"Accepted","exiResponse":"answer"}`,
			chargepoint.ContractRequest{Schema: "urn:x", Action: "Install", EXI: "eA=="},
		},
		{
			"no provider", "Get15118EVCertificate", `{"iso15118SchemaVersion":"urn:x","action":"Update","exiRequest":"eA=="}`,
			`{"status":"Failed","exiResponse":"","statusInfo":{"reasonCode":"NoProvider"}}`, nil,
		},
		{
			"a request to sign", "SignCertificate", `{"csr":"a request","certificateType":"ChargingStationCertificate"}`, `{"status":"Accepted"}`,
			chargepoint.SigningRequest{CSR: "a request", Use: chargepoint.StationCertificate},
		},
		{
			"a request that is none", "SignCertificate", `{"csr":"x"}`,
			`{"status":"Rejected","statusInfo":{"reasonCode":"NotSigned","additionalInfo":"The request is no PEM."}}`, nil,
		},
	} {
		if got := p.ask("1", c.action, c.payload); got != c.answer {
			t.Errorf("%s: %s, want %s", c.name, got, c.answer)
		}
		if c.told == nil {
			continue
		}
		var told any
		for told == nil || told == any(delivered{}) {
			told = <-w.news
			if _, ok := told.(connected); ok {
				told = nil
			}
		}
		if diff := cmp.Diff(c.told, told); diff != "" {
			t.Errorf("%s: -want +told:\n%s", c.name, diff)
		}
	}
	next[delivered](t, w.central) // what was promised is sent
}

func TestCommandsAboutCertificates(t *testing.T) {
	t.Parallel()
	order := chargepoint.CertificateOrder{Use: chargepoint.CSMSRoot, PEM: "a root"}
	type exchange struct{ asked, answer string }
	list := chargepoint.Command{Kind: chargepoint.ListCertificates}
	for _, c := range []struct {
		protocol  string
		command   chargepoint.Command
		exchanges []exchange
		want      chargepoint.Outcome
	}{
		{
			SubprotocolV16,
			chargepoint.Command{Kind: chargepoint.InstallCertificate, Certificate: &order},
			[]exchange{{`"InstallCertificate"{"certificateType":"CentralSystemRootCertificate","certificate":"a root"}`, `{"status":"Failed"}`}},
			chargepoint.Outcome{Status: "Failed"},
		},
		{
			SubprotocolV16,
			chargepoint.Command{Kind: chargepoint.InstallCertificate, Certificate: &chargepoint.CertificateOrder{Use: chargepoint.MORoot, PEM: "x"}},
			nil,
			chargepoint.Outcome{Status: chargepoint.CommandNotSupported},
		},
		{
			SubprotocolV16, list,
			[]exchange{
				{`"GetInstalledCertificateIds"{"certificateType":"CentralSystemRootCertificate"}`, `{"status":"Accepted","certificateHashData":[` + someHashJSON + `}]}`},
				{`"GetInstalledCertificateIds"{"certificateType":"ManufacturerRootCertificate"}`, `{"status":"NotFound"}`},
			},
			chargepoint.Outcome{Status: chargepoint.CommandAccepted, Certificates: []chargepoint.InstalledCertificate{{Use: chargepoint.CSMSRoot, Hash: someHash}}},
		},
		{
			SubprotocolV16,
			chargepoint.Command{Kind: chargepoint.TriggerMessage, Message: "SignChargingStationCertificate"},
			[]exchange{{`"ExtendedTriggerMessage"{"requestedMessage":"SignChargePointCertificate"}`, `{"status":"Accepted"}`}},
			chargepoint.Outcome{Status: chargepoint.CommandAccepted},
		},
		{
			SubprotocolV16,
			chargepoint.Command{Kind: chargepoint.CertificateSigned, Certificate: &chargepoint.CertificateOrder{PEM: "a chain"}},
			[]exchange{{`"CertificateSigned"{"certificateChain":"a chain"}`, `{"status":"Rejected"}`}},
			chargepoint.Outcome{Status: chargepoint.CommandRejected},
		},
		{
			SubprotocolV201,
			chargepoint.Command{Kind: chargepoint.InstallCertificate, Certificate: &order},
			[]exchange{{`"InstallCertificate"{"certificateType":"CSMSRootCertificate","certificate":"a root"}`, `{"status":"Accepted"}`}},
			chargepoint.Outcome{Status: chargepoint.CommandAccepted},
		},
		{
			SubprotocolV201,
			chargepoint.Command{Kind: chargepoint.DeleteCertificate, Certificate: &chargepoint.CertificateOrder{Hash: &someHash}},
			[]exchange{{`"DeleteCertificate"{"certificateHashData":` + someHashJSON + `}}`, `{"status":"NotFound"}`}},
			chargepoint.Outcome{Status: chargepoint.CommandNotFound},
		},
		{
			SubprotocolV201, list,
			[]exchange{{
				`"GetInstalledCertificateIds"{"certificateType":["V2GRootCertificate","MORootCertificate","CSMSRootCertificate","V2GCertificateChain","ManufacturerRootCertificate"]}`,
				`{"status":"Accepted","certificateHashDataChain":[{"certificateType":"V2GCertificateChain","certificateHashData":` + someHashJSON +
					`},"childCertificateHashData":[` + someHashJSON + `}]}]}`,
			}},
			chargepoint.Outcome{Status: chargepoint.CommandAccepted, Certificates: []chargepoint.InstalledCertificate{
				{Use: chargepoint.V2GChain, Hash: someHash, Children: []chargepoint.CertificateHash{someHash}},
			}},
		},
	} {
		w := newWorld(t, nil, "cp-1")
		p := w.connectBy(t, "cp-1", w.passwords["cp-1"], c.protocol)
		next[connected](t, w.central)
		got := send(t.Context(), w, c.command)
		for _, e := range c.exchanges {
			parts := p.hear()
			if heard := string(parts[2]) + string(parts[3]); heard != e.asked {
				t.Errorf("%s heard %s, want %s", c.protocol, heard, e.asked)
			}
			p.say(fmt.Sprintf(`[3,%s,%s]`, parts[1], e.answer))
		}
		r := <-got
		if diff := cmp.Diff(c.want, r.outcome); diff != "" || r.err != nil {
			t.Errorf("%s, %s: %v, -want +got:\n%s", c.protocol, c.command.Kind, r.err, diff)
		}
	}
}

// A charge point that came by password asks for a certificate, is sent it after it was told that it would be, and comes back by it.
func TestAChargePointGetsItsCertificateAndComesBackByIt(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{SubprotocolV16, SubprotocolV201} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			address, change := secured(t, a)
			f := newFieldWith(t, change)
			raw, err := x509.MarshalPKCS8PrivateKey(a.key)
			f.Must(err)
			certificates, err := pki.New(pki.Config{
				CACertificate: a.PEM, CAKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})),
			}, http.DefaultClient, time.Now)
			f.Must(err)
			f.office.Certify(certificates, f.edge)
			t.Cleanup(f.office.Wait)
			f.Must(f.Store.SecureChargePoint(t.Context(), f.ChargePoint.ID, chargepoint.Security{Profile: chargepoint.TLSProfile}))
			roots := x509.NewCertPool()
			roots.AddCert(a.cert)
			dial := func(password string, own ...tls.Certificate) *plug {
				t.Helper()
				request := http.Request{Header: http.Header{}}
				if password != "" {
					request.SetBasicAuth(f.ChargePoint.Identity, password)
				}
				dialer := websocket.Dialer{Subprotocols: []string{protocol}, HandshakeTimeout: patience, TLSClientConfig: &tls.Config{
					RootCAs: roots, Certificates: own, MinVersion: tls.VersionTLS12,
				}}
				conn, response, err := dialer.DialContext(t.Context(), "wss://"+address+"/ocpp/"+f.ChargePoint.Identity, request.Header)
				if err != nil {
					t.Fatalf("%v, %v", err, response)
				}
				t.Cleanup(func() { conn.Close() })
				return &plug{Conn: conn, t: t}
			}
			p := dial("correct horse battery")
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			f.Must(err)
			der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: f.ChargePoint.Identity}}, key)
			f.Must(err)
			csr, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})))
			f.Must(err)
			if got := p.ask("1", "SignCertificate", fmt.Sprintf(`{"csr":%s}`, csr)); got != `{"status":"Accepted"}` {
				t.Fatalf("it was answered %s", got)
			}
			parts := p.hear()
			var signed struct{ CertificateChain string }
			if err := json.Unmarshal(parts[3], &signed); err != nil || string(parts[2]) != `"CertificateSigned"` {
				t.Fatalf("it heard %s", parts)
			}
			p.say(fmt.Sprintf(`[3,%s,{"status":"Accepted"}]`, parts[1]))
			f.office.Wait()
			block, _ := pem.Decode([]byte(signed.CertificateChain))
			f.Must(f.Store.SecureChargePoint(t.Context(), f.ChargePoint.ID, chargepoint.Security{Profile: chargepoint.CertificateProfile}))
			again := dial("", tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key})
			again.ask("2", "Heartbeat", `{}`)
		})
	}
}

// A contract that is a token charges when its certificates hold, and does not when they do not.
func TestAContractIsATokenWhoseCertificatesHold(t *testing.T) {
	t.Parallel()
	f := newField(t)
	a := newAuthority(t)
	certificates, err := pki.New(pki.Config{Roots: a.PEM}, http.DefaultClient, time.Now)
	f.Must(err)
	f.office.Certify(certificates, f.edge)
	const emaid = "DE-8AA-C12345678-9"
	_, err = f.Store.CreateToken(t.Context(), uuid.New(), token.Token{
		UID: emaid, Type: token.EMAID, ContractID: emaid, OperatorID: f.ChargePoint.OperatorID, Whitelist: token.Always, Valid: true,
	})
	f.Must(err)
	contract := func(from *authority, name string) string {
		_, _, cert, _ := from.make(&x509.Certificate{Subject: pkix.Name{CommonName: name}})
		return cert
	}
	p := f.connectBy(t, f.ChargePoint.Identity, "correct horse battery", SubprotocolV201)
	for name, c := range map[string]struct{ emaid, chain, answer string }{
		"holds":         {emaid, contract(a, emaid), `{"certificateStatus":"Accepted","idTokenInfo":{"status":"Accepted"}}`},
		"foreign":       {emaid, contract(newAuthority(t), emaid), `{"certificateStatus":"SignatureError","idTokenInfo":{"status":"Invalid"}}`},
		"of nobody":     {"DE8AAC000000000", contract(a, "DE8AAC000000000"), `{"certificateStatus":"Accepted","idTokenInfo":{"status":"Invalid"}}`},
		"somebody's":    {emaid, contract(a, "DE8AAC000000000"), `{"certificateStatus":"CertChainError","idTokenInfo":{"status":"Invalid"}}`},
		"without chain": {strings.ReplaceAll(emaid, "-", ""), "", `{"idTokenInfo":{"status":"Accepted"}}`},
	} {
		payload, err := json.Marshal(map[string]any{"idToken": map[string]string{"idToken": c.emaid, "type": "eMAID"}, "certificate": c.chain})
		f.Must(err)
		if got := p.ask("1", "Authorize", string(payload)); got != c.answer {
			t.Errorf("%s: %s, want %s", name, got, c.answer)
		}
	}
}
