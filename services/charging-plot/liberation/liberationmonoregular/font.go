// Package liberationmonoregular gives Liberation Sans in place of a face that no picture of ours uses.
package liberationmonoregular

import "github.com/go-fonts/liberation/liberationsansregular"

// TTF is the font's file.
var TTF = liberationsansregular.TTF
