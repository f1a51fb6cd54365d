package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// at is when the tests take place.
var at = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// An issuer is a certificate with its key, and the responder that speaks for it.
type issuer struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	url  string // of its responder
}

var serials struct {
	sync.Mutex
	last int64
}

// make issues a certificate, or a root when there is no issuer yet.
func (i *issuer) make(template x509.Certificate) *issuer {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(i.t, err)
	serials.Lock()
	serials.last++
	template.SerialNumber = big.NewInt(serials.last + 1<<40)
	serials.Unlock()
	if template.NotAfter.IsZero() {
		template.NotAfter = at.AddDate(1, 0, 0)
	}
	template.NotBefore, template.BasicConstraintsValid = at.AddDate(-1, 0, 0), true
	if i.url != "" {
		template.OCSPServer = []string{i.url}
	}
	parent, signer := i.cert, i.key
	if parent == nil {
		parent, signer = &template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, signer)
	must(i.t, err)
	cert, err := x509.ParseCertificate(der)
	must(i.t, err)
	return &issuer{t: i.t, cert: cert, key: key, url: i.url}
}

func (i *issuer) authority(name string) *issuer {
	i.t.Helper()
	return i.make(x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
}

func (i *issuer) contract(emaid string) *issuer {
	i.t.Helper()
	return i.make(x509.Certificate{Subject: pkix.Name{CommonName: emaid}, KeyUsage: x509.KeyUsageDigitalSignature})
}

func text(certs ...*issuer) string {
	var out strings.Builder
	for _, c := range certs {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw}))
	}
	return out.String()
}

func (i *issuer) pkcs8() string {
	i.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	must(i.t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A responder answers for the issuers that it knows, as its revoked and signers say.
type responder struct {
	*httptest.Server
	mu      sync.Mutex
	issuers []*issuer
	revoked map[string]bool    // by serial number
	signers map[string]*issuer // by serial number; the certificate's issuer where there is none
	silent  map[string]bool    // by serial number: the signer's certificate does not come along
	asked   int
	down    bool
}

func newResponder(t *testing.T) *responder {
	r := &responder{revoked: map[string]bool{}, signers: map[string]*issuer{}, silent: map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		question, e := ocsp.ParseRequest(body)
		if errors.Join(err, e) != nil || request.Header.Get("Content-Type") != "application/ocsp-request" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked++
		if r.down {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		for _, i := range r.issuers {
			its := hashOf(question.SerialNumber, i.cert, "SHA256")
			asked, ok := requestFor(its)
			if !ok || string(asked.IssuerKeyHash) != string(question.IssuerKeyHash) || string(asked.IssuerNameHash) != string(question.IssuerNameHash) {
				continue
			}
			template := ocsp.Response{
				SerialNumber: question.SerialNumber, ThisUpdate: at.Add(-time.Minute), NextUpdate: at.Add(time.Hour), IssuerHash: crypto.SHA256,
			}
			if r.revoked[question.SerialNumber.String()] {
				template.Status, template.RevokedAt = ocsp.Revoked, at.Add(-time.Hour)
			}
			signer := i
			if other := r.signers[question.SerialNumber.String()]; other != nil {
				if signer = other; !r.silent[question.SerialNumber.String()] {
					template.Certificate = other.cert
				}
			}
			der, err := ocsp.CreateResponse(i.cert, signer.cert, template, signer.key)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(der)
			return
		}
		_, _ = w.Write(ocsp.UnauthorizedErrorResponse)
	}))
	t.Cleanup(r.Close)
	return r
}

const emaid = "DE-8AA-C12345678-9"

// A pyramid is a root with two sub-authorities, as ISO 15118 has them, and a responder for all of them.
type pyramid struct {
	*responder
	root, sub1, sub2 *issuer
	clock            time.Time
	office           *Office
}

func newPyramid(t *testing.T) *pyramid {
	t.Helper()
	p := &pyramid{responder: newResponder(t), clock: at}
	nobody := &issuer{t: t, url: p.URL}
	p.root = nobody.authority("MO Root")
	p.sub1 = p.root.authority("MO Sub 1")
	p.sub2 = p.sub1.authority("MO Sub 2")
	p.issuers = []*issuer{p.root, p.sub1, p.sub2}
	var err error
	p.office, err = New(Config{Roots: text(p.root)}, p.Client(), func() time.Time { return p.clock })
	must(t, err)
	return p
}

func (p *pyramid) judge(t *testing.T, chain ...*issuer) chargepoint.CertificateWord {
	t.Helper()
	return p.office.Judge(t.Context(), chargepoint.Contract{EMAID: strings.ReplaceAll(emaid, "-", ""), Certificate: text(chain...)})
}

// A contract is worth what its chain and the responders say of it.
func TestContractsAreJudgedByChainAndResponder(t *testing.T) {
	t.Parallel()
	p := newPyramid(t)
	good, revoked, ofRevoked := p.sub2.contract(emaid), p.sub2.contract(emaid), p.sub1.authority("MO Sub 2 that is revoked")
	p.issuers = append(p.issuers, ofRevoked)
	p.revoked[revoked.cert.SerialNumber.String()], p.revoked[ofRevoked.cert.SerialNumber.String()] = true, true
	expired := p.sub2.make(x509.Certificate{Subject: pkix.Name{CommonName: emaid}, NotAfter: at.Add(-time.Hour)})
	stranger := &issuer{t: t}
	foreign := stranger.authority("MO Root of nobody's")
	liar := stranger.authority("MO Sub 2") // signed by another than it says
	unknown := p.sub2.make(x509.Certificate{Subject: pkix.Name{CommonName: emaid}})
	p.signers[unknown.cert.SerialNumber.String()] = foreign
	sibling, meant := p.sub2.contract("DE8AAC000000000"), p.sub2.make(x509.Certificate{
		Subject: pkix.Name{CommonName: "responder"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
	})
	secret := p.sub2.contract(emaid)
	p.signers[secret.cert.SerialNumber.String()], p.silent[secret.cert.SerialNumber.String()] = foreign, true
	bySibling, byDelegate, byIssuer := p.sub2.contract(emaid), p.sub2.contract(emaid), p.sub2.contract(emaid)
	p.signers[byIssuer.cert.SerialNumber.String()] = p.sub2
	p.signers[bySibling.cert.SerialNumber.String()], p.signers[byDelegate.cert.SerialNumber.String()] = sibling, meant
	for _, c := range []struct {
		name  string
		chain []*issuer
		want  chargepoint.CertificateWord
	}{
		{"whole", []*issuer{good, p.sub2, p.sub1}, chargepoint.CertificateAccepted},
		{"with its root", []*issuer{good, p.sub2, p.sub1, p.root}, chargepoint.CertificateAccepted},
		{"with a gap", []*issuer{good, p.sub1}, chargepoint.CertificateBadChain},
		{"revoked", []*issuer{revoked, p.sub2, p.sub1}, chargepoint.CertificateRevoked},
		{"of a revoked authority", []*issuer{ofRevoked.contract(emaid), ofRevoked, p.sub1}, chargepoint.CertificateRevoked},
		{"expired", []*issuer{expired, p.sub2, p.sub1}, chargepoint.CertificateExpired},
		{"of a foreign root", []*issuer{foreign.contract(emaid), foreign}, chargepoint.CertificateBadChain},
		{"signed by another", []*issuer{liar.contract(emaid), p.sub2, p.sub1}, chargepoint.CertificateBadSignature},
		{"of another's name", []*issuer{p.sub2.contract("DE8AAC999999999"), p.sub2, p.sub1}, chargepoint.CertificateBadChain},
		{"answered for by a stranger", []*issuer{unknown, p.sub2, p.sub1}, chargepoint.CertificateUnavailable},
		{"answered for by a stranger who does not say so", []*issuer{secret, p.sub2, p.sub1}, chargepoint.CertificateUnavailable},
		{"answered for by another contract", []*issuer{bySibling, p.sub2, p.sub1}, chargepoint.CertificateUnavailable},
		{"answered for by a delegate", []*issuer{byDelegate, p.sub2, p.sub1}, chargepoint.CertificateAccepted},
		{"answered for by its authority, with the authority's certificate", []*issuer{byIssuer, p.sub2, p.sub1}, chargepoint.CertificateAccepted},
		{"too long", []*issuer{good, p.sub2, p.sub1, p.root, foreign}, chargepoint.CertificateBadChain},
	} {
		if got := p.judge(t, c.chain...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := p.office.Judge(t.Context(), chargepoint.Contract{EMAID: emaid, Certificate: "no PEM"}); got != chargepoint.CertificateBadChain {
		t.Errorf("no PEM: %s", got)
	}
}

// An answer holds as long as it says, and while the responder is away; then nobody says anything.
func TestAnswersAreKeptAsLongAsTheyHold(t *testing.T) {
	t.Parallel()
	p := newPyramid(t)
	chain := []*issuer{p.sub2.contract(emaid), p.sub2, p.sub1}
	if got := p.judge(t, chain...); got != chargepoint.CertificateAccepted || p.asked != 3 {
		t.Fatalf("%s after %d questions", got, p.asked)
	}
	p.down, p.clock = true, at.Add(59*time.Minute)
	if got := p.judge(t, chain...); got != chargepoint.CertificateAccepted || p.asked != 3 {
		t.Errorf("%s after %d questions", got, p.asked)
	}
	p.clock = at.Add(61 * time.Minute)
	if got := p.judge(t, chain...); got != chargepoint.CertificateUnavailable || p.asked == 3 {
		t.Errorf("%s after %d questions, and the answers are too old", got, p.asked)
	}
}

// A charge point that has looked at the chain itself sends what names its certificates.
func TestHashesAreAskedAbout(t *testing.T) {
	t.Parallel()
	p := newPyramid(t)
	contract := p.sub2.contract(emaid)
	ask := func(of, by *issuer, algorithm string) chargepoint.CertificateQuery {
		return chargepoint.CertificateQuery{CertificateHash: hashOf(of.cert.SerialNumber, by.cert, algorithm), ResponderURL: p.URL}
	}
	hashes := []chargepoint.CertificateQuery{ask(contract, p.sub2, "SHA256"), ask(p.sub2, p.sub1, "SHA256")}
	judge := func() chargepoint.CertificateWord {
		return p.office.Judge(t.Context(), chargepoint.Contract{EMAID: emaid, Hashes: hashes})
	}
	if got := judge(); got != chargepoint.CertificateBadChain { // whose word it is cannot be known
		t.Errorf("of authorities that are not known: %s", got)
	}
	p.office.roots = append(p.office.roots, p.sub1.cert, p.sub2.cert)
	if got := judge(); got != chargepoint.CertificateAccepted {
		t.Errorf("of authorities that are known: %s", got)
	}
	p.revoked[p.sub2.cert.SerialNumber.String()] = true
	p.clock = at.Add(2 * time.Hour)
	if got := judge(); got != chargepoint.CertificateUnavailable { // the responder's answers end at one o'clock
		t.Errorf("of two hours ago: %s", got)
	}
	p.clock = at
	p.office.responses = newResponses(p.Client(), p.office.now)
	if got := judge(); got != chargepoint.CertificateRevoked {
		t.Errorf("of a revoked authority: %s", got)
	}
	der, err := p.office.Status(t.Context(), ask(contract, p.sub2, "SHA256"))
	must(t, err)
	if said, err := ocsp.ParseResponseForCert(der, contract.cert, p.sub2.cert); err != nil || said.Status != ocsp.Good {
		t.Errorf("the car is told %+v, %v", said, err)
	}
	for _, bad := range []chargepoint.CertificateQuery{
		{},
		{ResponderURL: p.URL},
		ask(contract, p.root, "SHA384"),
		{CertificateHash: hashOf(contract.cert.SerialNumber, p.sub2.cert, "SHA256"), ResponderURL: "http://127.0.0.1:1/"},
	} {
		if _, err := p.office.Status(t.Context(), bad); !errors.Is(err, chargepoint.ErrNoStatus) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A charge point's certificate is made in its identity's name, by a key of its own, and of nobody else's.
func TestChargePointsCertificatesAreSigned(t *testing.T) {
	t.Parallel()
	root := (&issuer{t: t}).authority("Operator Root")
	ca := root.authority("Operator CA")
	office, err := New(Config{CACertificate: text(ca, root), CAKey: ca.pkcs8()}, http.DefaultClient, func() time.Time { return at })
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	ask := func(name string, key crypto.Signer) string {
		t.Helper()
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: []string{"IHR"}}}, key)
		must(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	}
	cp := chargepoint.ChargePoint{Identity: "CP-1", Boot: &chargepoint.BootInfo{SerialNumber: "SN-7"}}
	for _, name := range []string{"CP-1", "SN-7"} {
		chain, err := office.Sign(cp, chargepoint.SigningRequest{CSR: ask(name, key)})
		must(t, err)
		certs, err := certificates(chain)
		must(t, err)
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(root.cert)
		between.AddCert(certs[1])
		_, err = certs[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err != nil || len(certs) != 2 || certs[0].Subject.CommonName != "CP-1" || certs[0].Subject.SerialNumber != "SN-7" || !key.PublicKey.Equal(certs[0].PublicKey) {
			t.Errorf("%s: %v, %+v", name, err, certs[0].Subject)
		}
	}
	forged := []byte(ask("CP-1", key))
	forged[len(forged)-60] ^= 1
	bound := cp
	bound.Security.Certificate = []byte{1}
	for name, c := range map[string]struct {
		cp      chargepoint.ChargePoint
		request chargepoint.SigningRequest
	}{
		"another's name":      {cp, chargepoint.SigningRequest{CSR: ask("CP-2", key)}},
		"no name":             {chargepoint.ChargePoint{Identity: "CP-1"}, chargepoint.SigningRequest{CSR: ask("", key)}},
		"a weak key":          {cp, chargepoint.SigningRequest{CSR: ask("CP-1", weak)}},
		"no PEM":              {cp, chargepoint.SigningRequest{CSR: "x"}},
		"not its own key":     {cp, chargepoint.SigningRequest{CSR: string(forged)}},
		"for cars":            {cp, chargepoint.SigningRequest{CSR: ask("CP-1", key), Use: chargepoint.V2GCertificate}},
		"a bound certificate": {bound, chargepoint.SigningRequest{CSR: ask("CP-1", key)}},
	} {
		if _, err := office.Sign(c.cp, c.request); !errors.Is(err, chargepoint.ErrNotSigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	idle, err := New(Config{}, http.DefaultClient, time.Now)
	must(t, err)
	if _, err := idle.Sign(cp, chargepoint.SigningRequest{CSR: ask("CP-1", key)}); !errors.Is(err, chargepoint.ErrNotSigned) {
		t.Errorf("without an authority: %v", err)
	}
}

// The provider is asked in OCPP's own words.
func TestCarsGetContractsFromTheProvider(t *testing.T) {
	t.Parallel()
	wish := chargepoint.ContractRequest{Schema: "urn:iso:15118:2:2013:MsgDef", Action: "Install", EXI: base64.StdEncoding.EncodeToString([]byte("exi"))}
	for name, c := range map[string]struct {
		status int
		answer string
		want   chargepoint.ContractAnswer
		fails  bool
	}{
		"accepted": {200, `{"status":"Accepted","exiResponse":"cmVz"}`, chargepoint.ContractAnswer{Accepted: true, EXI: "cmVz"}, false},
		"failed":   {200, `{"status":"Failed","exiResponse":""}`, chargepoint.ContractAnswer{}, false},
		"broken":   {500, ``, chargepoint.ContractAnswer{}, true},
		"no JSON":  {200, `<html>`, chargepoint.ContractAnswer{}, true},
		"too long": {200, `{"status":"Accepted","exiResponse":"` + strings.Repeat("A", 5601) + `"}`, chargepoint.ContractAnswer{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var asked map[string]string
				if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked["action"] != "Install" || asked["exiRequest"] != wish.EXI ||
					asked["iso15118SchemaVersion"] != wish.Schema || r.Header.Get("Authorization") != "Bearer token" {
					t.Errorf("it was asked %v, %v", asked, r.Header)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			t.Cleanup(server.Close)
			office, err := New(Config{ProviderURL: server.URL, ProviderToken: "token"}, nil, time.Now)
			must(t, err)
			got, err := office.Provide(t.Context(), wish)
			if got != c.want || errors.Is(err, chargepoint.ErrNoProvider) != c.fails {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	idle, err := New(Config{}, nil, time.Now)
	must(t, err)
	if _, err := idle.Provide(t.Context(), wish); !errors.Is(err, chargepoint.ErrNoProvider) {
		t.Errorf("without a provider: %v", err)
	}
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	t.Parallel()
	root := (&issuer{t: t}).authority("Root")
	leaf, other := root.contract("leaf"), root.authority("other")
	for want, cfg := range map[string]Config{
		"PNC_ROOTS: holds no PEM":          {Roots: "x"},
		"PNC_ROOTS: holds a certificate":   {Roots: text(root, leaf)},
		"PNC_PROVIDER_URL":                 {ProviderURL: "ftp://x"},
		"OCPP_CA_KEY: the key is no PEM":   {CACertificate: text(root)},
		"OCPP_CA_KEY: the key is not that": {CACertificate: text(root), CAKey: other.pkcs8()},
		"is no authority":                  {CACertificate: text(leaf), CAKey: leaf.pkcs8()},
		"OCPP_CA_VALIDITY":                 {CAValidity: -1},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
