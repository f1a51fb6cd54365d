// Command auth is the account service and the commands to look after it.
package main

import (
	"os"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:], os.Environ, os.Stdin, os.Stdout, os.Stderr)) }
