package mail

import (
	"embed"
	"io/fs"
	"slices"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/wording"
)

//go:embed messages/*.json
var messageFiles embed.FS

// common are the messages that letters share.
var common = []string{"hello", "hello_name", "once_until", "paste_token", "not_you", "alarm", "set_password", "confirm_address"}

// readLanguages reads all languages of a tree, each with what every letter needs.
func readLanguages(tree fs.FS) (*wording.Languages, error) {
	needed := slices.Clone(common)
	for _, template := range notice.Templates() {
		needed = append(needed, string(template)+".subject", string(template)+".body")
	}
	return wording.Read(tree, needed)
}
