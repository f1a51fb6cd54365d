// Package rendered reads JSON that this service wrote itself: without blanks, with names that have nothing escaped.
package rendered

// Items gives the objects of a list, which commas part.
func Items(items []byte) [][]byte {
	var out [][]byte
	for len(items) > 0 {
		end := valueEnd(items)
		out = append(out, items[:end])
		items = items[end:]
		if len(items) > 0 {
			items = items[1:] // the comma
		}
	}
	return out
}

// Members yields the names and values of an object. The brace that ends it may be missing.
func Members(object []byte) func(yield func(name string, value []byte) bool) {
	return func(yield func(string, []byte) bool) {
		rest := object[1:]
		for len(rest) > 0 && rest[0] == '"' {
			end := valueEnd(rest)
			name := string(rest[1 : end-1])
			rest = rest[end+1:] // and the colon
			end = valueEnd(rest)
			if !yield(name, rest[:end]) {
				return
			}
			rest = rest[min(len(rest), end+1):]
		}
	}
}

// valueEnd is where the JSON value ends that text begins with.
func valueEnd(text []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case c == ',' && depth == 0:
			return i
		}
	}
	return len(text)
}
