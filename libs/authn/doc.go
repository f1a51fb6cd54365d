// Package authn is being written.
package authn
