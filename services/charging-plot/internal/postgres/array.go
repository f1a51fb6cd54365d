package postgres

import "bytes"

// parseArray reads the text of an array of whole numbers, such as {1,-2,NULL}; missing tells which are NULL.
func parseArray(text []byte) (values []int64, missing []bool) {
	text = bytes.TrimSuffix(bytes.TrimPrefix(text, []byte("{")), []byte("}"))
	if len(text) == 0 {
		return nil, nil
	}
	n := bytes.Count(text, []byte(",")) + 1
	values, missing = make([]int64, 0, n), make([]bool, 0, n)
	var value int64
	negative, null := false, false
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == ',':
			if negative {
				value = -value
			}
			values, missing = append(values, value), append(missing, null)
			value, negative, null = 0, false, false
		case text[i] == '-':
			negative = true
		case text[i] >= '0' && text[i] <= '9':
			value = value*10 + int64(text[i]-'0')
		default: // a letter of NULL
			null = true
		}
	}
	return values, missing
}
