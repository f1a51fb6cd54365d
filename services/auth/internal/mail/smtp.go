package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	gomail "github.com/wneessen/go-mail"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

// SMTP delivers letters to a mail server.
type SMTP struct {
	writer *Writer
	client *gomail.Client
}

// Ports of the schemes.
const (
	submissionPort = 587
	implicitPort   = 465
	plainPort      = 25
)

// NewSMTP reads the address of a mail server:
//
//	smtp://user:password@host:587      STARTTLS, which the server must offer
//	smtps://user:password@host:465     TLS from the first byte
//	smtp://localhost:1025?tls=none     no TLS: for a server on the same machine
//
// It does not connect, and its errors do not quote the password.
func NewSMTP(writer *Writer, address string) (*SMTP, error) { return newSMTP(writer, address, nil) }

func newSMTP(writer *Writer, address string, trust *tls.Config) (*SMTP, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the mail server's URL is not smtp://user:password@host:port")
	}
	options := []gomail.Option{gomail.WithTimeout(sendTimeout)}
	port := submissionPort
	mode := u.Query().Get("tls")
	switch {
	case u.Scheme == "smtps" && mode == "":
		port = implicitPort
		options = append(options, gomail.WithSSL())
	case u.Scheme == "smtp" && mode == "":
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case u.Scheme == "smtp" && mode == "none":
		port = plainPort
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, errors.New("the mail server's URL has an unknown scheme or tls parameter")
	}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, errors.New("the mail server's port is not a number")
		}
	}
	options = append(options, gomail.WithPort(port))
	if user := u.User.Username(); user != "" {
		password, _ := u.User.Password()
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(user), gomail.WithPassword(password))
	}
	if trust != nil {
		options = append(options, gomail.WithTLSConfig(trust))
	}
	client, err := gomail.NewClient(u.Hostname(), options...)
	if err != nil {
		return nil, fmt.Errorf("the mail server: %w", err)
	}
	return &SMTP{writer: writer, client: client}, nil
}

// Send delivers a letter. Its error is a notice.ErrRefused when the server refused the recipient or the letter for good
// (RFC 5321: a 5xx answer).
func (s *SMTP) Send(ctx context.Context, letter notice.Letter) error {
	message, err := s.writer.Write(letter)
	if err != nil {
		return err
	}
	// The library minds the context while it connects and no longer, so a server that falls silent would hold up a shutdown. The
	// conversation is then left to the library's own timeout.
	ended := make(chan error, 1)
	go func() { ended <- s.client.DialAndSendWithContext(ctx, message) }()
	select {
	case err := <-ended:
		return classify(err)
	case <-ctx.Done():
		return fmt.Errorf("the mail server does not answer: %w", ctx.Err())
	}
}

func classify(err error) error {
	if failed, ok := errors.AsType[*gomail.SendError](err); ok && failed.ErrorCode() >= 500 && !failed.IsTemp() {
		return fmt.Errorf("%w: %w", notice.ErrRefused, err)
	}
	return err
}
