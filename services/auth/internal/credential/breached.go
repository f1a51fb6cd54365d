package credential

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // the lists of stolen passwords are kept so; nothing is protected by it
	"encoding/hex"
	"fmt"
	"os"

	"github.com/bits-and-blooms/bloom/v3"
)

// Breached holds the hashes of stolen passwords in a Bloom filter: what is in the list is always found, and one password in ten
// thousand that is not.
type Breached struct {
	filter *bloom.BloomFilter
	size   int
}

const (
	falsePositives = 1e-4
	shortestLine   = sha1.Size*2 + 1 // the hash in hex and a line break
)

// LoadBreached reads a file as Have I Been Pwned gives it: a line each, the SHA-1 in hex and perhaps a colon and a count. It
// returns nil for no file, and an error that names the line for anything else. The file is read through once, in constant memory.
func LoadBreached(file string) (*Breached, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // no list is a list without passwords
	}
	f, err := os.Open(file) //nolint:gosec // the operator says which file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return nil, err
	}
	most := uint(max(1, about.Size()/shortestLine+1))
	b := &Breached{filter: bloom.NewWithEstimates(most, falsePositives)}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		text, _, _ := bytes.Cut(line, []byte(":"))
		var sum [sha1.Size]byte
		if n, err := hex.Decode(sum[:], text[:min(len(text), sha1.Size*2)]); err != nil || n != sha1.Size || len(text) != sha1.Size*2 {
			return nil, fmt.Errorf("line %d is not a SHA-1 in hex", b.size+1)
		}
		b.filter.Add(sum[:])
		b.size++
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", b.size+1, err)
	}
	return b, nil
}

// Len is how many passwords were read.
func (b *Breached) Len() int {
	if b == nil {
		return 0
	}
	return b.size
}

// Has reports whether a password is in the list, or looks like one that is.
func (b *Breached) Has(password string) bool {
	if b == nil {
		return false
	}
	sum := sha1.Sum([]byte(password)) //nolint:gosec // see the import
	return b.filter.Test(sum[:])
}
