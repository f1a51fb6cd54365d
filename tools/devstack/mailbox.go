package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"
	"github.com/spf13/cobra"
)

// largestMail is what a mailbox takes, in bytes.
const largestMail = 1 << 20

// mailboxCommand is what stands in for a mail server on a cluster that can pull none.
func mailboxCommand() *cobra.Command {
	box := &mailbox{}
	var smtpAddress, httpAddress string
	cmd := &cobra.Command{
		Use:   "mailbox",
		Short: "Take every mail and show it",
		Long:  "Takes mails by SMTP from anybody, for development only, keeps each as a file, and shows the folder over HTTP.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var listen net.ListenConfig
			mails, err := listen.Listen(cmd.Context(), "tcp", smtpAddress)
			if err != nil {
				return err
			}
			pages, err := listen.Listen(cmd.Context(), "tcp", httpAddress)
			if err != nil {
				return errors.Join(err, mails.Close())
			}
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "mails to %s, seen at http://%s\n", mails.Addr(), pages.Addr())
			return box.serve(cmd.Context(), mails, pages)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&smtpAddress, "smtp", ":1025", "address for mails")
	flags.StringVar(&httpAddress, "http", ":8025", "address for who reads them")
	flags.StringVar(&box.folder, "folder", os.TempDir(), "folder for mails")
	return cmd
}

// mailbox takes every mail and keeps it as a file, named by its time.
type mailbox struct{ folder string }

func (m *mailbox) serve(ctx context.Context, mails, pages net.Listener) error {
	inbox := smtp.NewServer(m)
	inbox.Domain, inbox.MaxMessageBytes, inbox.MaxRecipients = "mailbox", largestMail, 50
	inbox.ReadTimeout, inbox.WriteTimeout = 30*time.Second, 30*time.Second
	reader := &http.Server{Handler: http.FileServer(http.Dir(m.folder)), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 2)
	go func() { ended <- inbox.Serve(mails) }()
	go func() { ended <- reader.Serve(pages) }()
	select {
	case <-ctx.Done():
		return errors.Join(inbox.Close(), reader.Close())
	case err := <-ended:
		return errors.Join(err, inbox.Close(), reader.Close())
	}
}

// NewSession implements smtp.Backend.
func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return delivery{m}, nil }

// delivery is a conversation with a sender, whoever it is and whomever it writes to.
type delivery struct{ box *mailbox }

func (delivery) Mail(string, *smtp.MailOptions) error { return nil }
func (delivery) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (delivery) Reset()                               {}
func (delivery) Logout() error                        { return nil }

// Data keeps a mail under its last name at once, so that a reader sees the whole of it or nothing.
func (d delivery) Data(r io.Reader) error {
	var mail bytes.Buffer
	if _, err := mail.ReadFrom(r); err != nil {
		return err
	}
	name := filepath.Join(d.box.folder, uuid.Must(uuid.NewV7()).String()+".eml")
	if err := os.WriteFile(name+".part", mail.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".part", name)
}
