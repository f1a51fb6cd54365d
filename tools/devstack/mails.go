package main

import (
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

var mailedLink = regexp.MustCompile(`https?://[^\s<>"]+#[^\s<>"]+`)

// watchMails announces each mail that arrives in the folder, with the link in it, until the returned function is called.
func watchMails(product *stack.Stack) (stop func()) {
	folder := product.Path("mail")
	known := map[string]bool{}
	for _, name := range files(folder) {
		known[name] = true
	}
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			for _, name := range files(folder) {
				if known[name] {
					continue
				}
				known[name] = true
				if text, err := announce(filepath.Join(folder, name)); err == nil {
					product.Say("%s", text)
				}
			}
		}
	})
	return func() {
		close(end)
		done.Wait()
	}
}

func files(folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) == ".eml" {
			names = append(names, entry.Name())
		}
	}
	return names
}

// announce tells of a mail in a few lines: to whom, about what, the link to follow.
func announce(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	message, err := mail.ReadMessage(f)
	if err != nil {
		return "", err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("Mail to %s: %s", message.Header.Get("To"), subject)
	if found := mailedLink.Find(body); found != nil {
		text += "\n    " + string(found)
	}
	return text + "\n    " + path, nil
}
