package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"strings"
	"testing"
)

func TestAMailboxShowsWhatWasSent(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	listen := func() net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	mails, pages, box := listen(), listen(), &mailbox{folder: t.TempDir()}
	ended := make(chan error, 1)
	go func() { ended <- box.serve(ctx, mails, pages) }()

	const letter = "To: ada@example.com\r\nSubject: Welcome\r\n\r\nhttp://x/#token=1\r\n"
	if err := smtp.SendMail(mails.Addr().String(), nil, "auth@example.com", []string{"ada@example.com"}, []byte(letter)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(box.folder)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the folder holds %v, %v", entries, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+pages.Addr().String()+"/"+entries[0].Name(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if shown, err := io.ReadAll(answer.Body); err != nil || string(shown) != letter {
		t.Errorf("shown is %q, %v", shown, err)
	}
	if err := smtp.SendMail(mails.Addr().String(), nil, "auth@example.com", []string{"ada@example.com"}, []byte(strings.Repeat("x", 2*largestMail))); err == nil {
		t.Error("a mail of any size is taken")
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
}
