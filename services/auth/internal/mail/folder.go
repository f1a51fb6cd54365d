package mail

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

// sendTimeout bounds one conversation with a mail server.
const sendTimeout = 20 * time.Second

// Folder puts letters into a folder, for development: each as a file that a mail program opens, and its link into the log.
type Folder struct {
	writer *Writer
	path   string
	log    *slog.Logger
}

// NewFolder makes the folder if it is not there.
func NewFolder(writer *Writer, path string, log *slog.Logger) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for mails: %w", err)
	}
	return &Folder{writer: writer, path: path, log: log}, nil
}

// Send writes the letter as NAME.eml and logs where it is and what it links to.
func (f *Folder) Send(ctx context.Context, letter notice.Letter) error {
	message, err := f.writer.Write(letter)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s-%s.eml", time.Now().UTC().Format("20060102T150405.000"), letter.Template, letter.ID)
	path := filepath.Join(f.path, name)
	if err := message.WriteToFile(path); err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	f.log.InfoContext(ctx, "a mail has landed", "template", letter.Template, "file", path, "link", letter.Link)
	return nil
}
