// Package config is being written.
package config

// Load fills a struct from the environment.
func Load(into any, environ []string) error { return nil }

// Variable is one setting.
type Variable struct {
	Name, Default, Doc string
	Required           bool
}

// Variables lists the settings of a struct.
func Variables(of any) []Variable { return nil }

// Markdown is the table of a README.
func Markdown(of any) string { return "" }
