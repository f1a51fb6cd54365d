package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

const sender = "IHR Charging Plot <no-reply@charging.example>"

// post is a mail server: it keeps what it is given and refuses whom it is told to.
type post struct {
	mu       sync.Mutex
	received []received
	refuse   map[string]*smtp.SMTPError
	users    []string
}

type received struct {
	from, to string
	data     []byte
}

type conversation struct {
	post     *post
	from, to string
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &conversation{post: p}, nil }

func (c *conversation) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *conversation) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "pass word/1" {
			return smtp.ErrAuthFailed
		}
		c.post.mu.Lock()
		defer c.post.mu.Unlock()
		c.post.users = append(c.post.users, user)
		return nil
	}), nil
}

func (c *conversation) Mail(from string, _ *smtp.MailOptions) error {
	c.from = from
	return nil
}

func (c *conversation) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := c.post.refuse[to]; err != nil {
		return err
	}
	c.to = to
	return nil
}

func (c *conversation) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.post.mu.Lock()
	defer c.post.mu.Unlock()
	c.post.received = append(c.post.received, received{from: c.from, to: c.to, data: data})
	return nil
}

func (c *conversation) Reset()        {}
func (c *conversation) Logout() error { return nil }

// start serves the post on a port of its own and returns host:port.
func start(t *testing.T, p *post, secure *tls.Config, implicit bool) string {
	t.Helper()
	server := smtp.NewServer(p)
	server.Domain = "mail.test"
	server.AllowInsecureAuth = secure == nil
	server.TLSConfig = secure
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if implicit {
		listener = tls.NewListener(listener, secure)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return address
}

// certificate makes one for 127.0.0.1, and the configuration that trusts it.
func certificate(t *testing.T) (server, trusting *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

func newTestWriter(t *testing.T) *Writer {
	t.Helper()
	w, err := NewWriter(Brand{From: sender, App: "IHR Charging Plot", Corporation: "IHR Ltd"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// withToken are the letters that carry one.
var withToken = []notice.Template{notice.ConfirmEmail, notice.ConfirmAddedEmail, notice.ResetPassword, notice.InviteUser}

func letterOf(template notice.Template) notice.Letter {
	l := notice.Letter{
		ID: uuid.MustParse("0190f0a0-0000-7000-8000-00000000000a"), Template: template, To: "ada@example.com", Name: "Ada", Locale: "en-GB",
		Facts: notice.Facts{Username: "ada", Device: "Firefox on Linux", Area: "192.0.2.0/24", At: time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)},
		Link:  "https://charging.example/v1/auth/email/confirm", Valid: 24 * time.Hour,
	}
	if slices.Contains(withToken, template) {
		l.Token = "ihr_ec_0123456789012345678901234567890123456789abcdefghi"
		l.Link += "#token=" + l.Token
	}
	return l
}

// parts reads a message: its header, and its bodies by content type.
func parts(t *testing.T, raw []byte) (netmail.Header, map[string]string) {
	t.Helper()
	message, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the message is %q, %v", kind, err)
	}
	bodies := map[string]string{}
	reader := multipart.NewReader(message.Body, parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return message.Header, bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		bodies[kind] = string(body)
	}
}

func TestSMTPDeliversEveryLetter(t *testing.T) {
	t.Parallel()
	p := &post{}
	s, err := NewSMTP(newTestWriter(t), "smtp://"+start(t, p, nil, false)+"?tls=none")
	if err != nil {
		t.Fatal(err)
	}
	for i, template := range notice.Templates() {
		letter := letterOf(template)
		if err := s.Send(t.Context(), letter); err != nil {
			t.Fatalf("%s: %v", template, err)
		}
		got := p.received[i]
		if got.from != "no-reply@charging.example" || got.to != "ada@example.com" {
			t.Errorf("%s: the envelope is from %s to %s", template, got.from, got.to)
		}
		header, bodies := parts(t, got.data)
		for name, want := range map[string]string{
			"To": "<ada@example.com>", "From": `"IHR Charging Plot" <no-reply@charging.example>`, "Auto-Submitted": "auto-generated",
			"Content-Language": "en", "Message-Id": "<" + letter.ID.String() + "@charging.example>",
		} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", template, name, header.Get(name), want)
			}
		}
		if header.Get("Subject") == "" || header.Get("Date") == "" {
			t.Errorf("%s: the header is %v", template, header)
		}
		for _, kind := range []string{"text/plain", "text/html"} {
			body := bodies[kind]
			if !strings.Contains(body, letter.Link) || letter.Token != "" && strings.Count(body, letter.Token) < 2 {
				t.Errorf("%s: %s lacks the link or the token: %s", template, kind, body)
			}
			if strings.Contains(body, "<no value>") || strings.ContainsAny(body, "{}") {
				t.Errorf("%s: %s was not filled in: %s", template, kind, body)
			}
		}
		if !strings.HasPrefix(bodies["text/html"], "<!doctype html>") || strings.Contains(bodies["text/plain"], "<") {
			t.Errorf("%s: the text or the HTML is in the wrong form", template)
		}
	}
}

func TestSMTPUsesTLSAndAuthenticates(t *testing.T) {
	t.Parallel()
	for scheme, implicit := range map[string]bool{"smtp": false, "smtps": true} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			secure, trusting := certificate(t)
			p := &post{}
			address := start(t, p, secure, implicit)
			s, err := newSMTP(newTestWriter(t), scheme+"://mailer:pass%20word%2F1@"+address, trusting)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(t.Context(), letterOf(notice.ConfirmEmail)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"mailer"}, p.users); diff != "" || len(p.received) != 1 {
				t.Errorf("users %s, %d letters", diff, len(p.received))
			}
			// A server whose certificate nobody vouches for is not spoken to.
			strict, err := NewSMTP(newTestWriter(t), scheme+"://mailer:pass%20word%2F1@"+address)
			if err != nil {
				t.Fatal(err)
			}
			if err := strict.Send(t.Context(), letterOf(notice.ConfirmEmail)); err == nil || len(p.received) != 1 {
				t.Errorf("to a stranger, Send = %v", err)
			}
		})
	}
}

func TestSMTPDemandsTLS(t *testing.T) {
	t.Parallel()
	p := &post{}
	s, err := NewSMTP(newTestWriter(t), "smtp://"+start(t, p, nil, false))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), letterOf(notice.ConfirmEmail)); err == nil || len(p.received) != 0 {
		t.Errorf("to a server without TLS, Send = %v", err)
	}
}

func TestSMTPTellsForGoodFromForNow(t *testing.T) {
	t.Parallel()
	p := &post{refuse: map[string]*smtp.SMTPError{
		"gone@example.com": {Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"},
		"full@example.com": {Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "mailbox full"},
	}}
	s, err := NewSMTP(newTestWriter(t), "smtp://"+start(t, p, nil, false)+"?tls=none")
	if err != nil {
		t.Fatal(err)
	}
	away, err := NewSMTP(newTestWriter(t), "smtp://127.0.0.1:1?tls=none")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		server  *SMTP
		to      string
		forGood bool
	}{
		"no such mailbox": {s, "gone@example.com", true}, "mailbox full": {s, "full@example.com", false}, "server away": {away, "ada@example.com", false},
	} {
		letter := letterOf(notice.ConfirmEmail)
		letter.To = c.to
		if err := c.server.Send(t.Context(), letter); err == nil || errors.Is(err, notice.ErrRefused) != c.forGood {
			t.Errorf("%s: Send = %v", name, err)
		}
	}
}

func TestNewSMTPRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://user:secret@mail.example.com?tls=maybe", "smtps://mail.example.com?tls=none",
		"smtp://user:secret@mail.example.com:port",
	} {
		if _, err := NewSMTP(newTestWriter(t), address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("NewSMTP(%q) = %v", address, err)
		}
	}
}

// G2: a name or an address can add neither a header nor HTML nor a second recipient.
func TestLettersAreClosedToInjection(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	for _, name := range []string{"Ada\r\nBcc: eve@example.com", `<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, "{{.Token}}", "{until}", `"quoted"`} {
		letter := letterOf(notice.NewDevice)
		letter.Name, letter.Facts.Username, letter.Facts.Device, letter.Facts.Area = name, name, name, name
		message, err := w.Write(letter)
		if err != nil {
			t.Fatal(err)
		}
		var raw bytes.Buffer
		if _, err := message.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		header, bodies := parts(t, raw.Bytes())
		if header.Get("Bcc") != "" || strings.Contains(bodies["text/html"], "<script") || strings.Contains(bodies["text/html"], "<img") {
			t.Errorf("%q got through: %v %s", name, header, bodies["text/html"])
		}
	}
	for _, to := range []string{"ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com", "not an address"} {
		letter := letterOf(notice.ResetPassword)
		letter.To = to
		if _, err := w.Write(letter); !errors.Is(err, notice.ErrRefused) {
			t.Errorf("to %q: %v", to, err)
		}
	}
}

func TestFolderKeepsLettersAndLogsTheirLinks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "mail")
	var log bytes.Buffer
	f, err := NewFolder(newTestWriter(t), path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	letter := letterOf(notice.ConfirmEmail)
	if err := f.Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(path, "*-confirm_email-*.eml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the folder has %v, %v", files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, bodies := parts(t, raw); !strings.Contains(bodies["text/plain"], letter.Link) {
		t.Errorf("the letter is %s", bodies["text/plain"])
	}
	if !strings.Contains(log.String(), letter.Link) || !strings.Contains(log.String(), files[0]) {
		t.Errorf("the log is %s", log.String())
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	// A server that accepts and says nothing.
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s, err := NewSMTP(newTestWriter(t), fmt.Sprintf("smtp://%s?tls=none", listener.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := s.Send(ctx, letterOf(notice.ConfirmEmail)); err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("Send = %v after %s", err, time.Since(start))
	}
}
