package tiles

import (
	"slices"
	"strings"
)

// licences are how the registers and collections that are imported want to be named, by the format that they come in. Operators'
// own formats are not among them.
var licences = map[string]string{
	"irve":   `<a href="https://transport.data.gouv.fr/datasets/fichier-consolide-des-bornes-de-recharge-pour-vehicules-electriques">IRVE, data.gouv.fr</a> (Licence Ouverte 2.0)`,
	"ocm":    `<a href="https://openchargemap.org">Open Charge Map contributors</a> (CC BY 4.0)`,
	"afdc":   `<a href="https://afdc.energy.gov">Alternative Fuels Data Center</a>, U.S. Department of Energy`,
	"bnetza": `<a href="https://www.bundesnetzagentur.de">Bundesnetzagentur.de</a> (CC BY 4.0)`,
}

// Attribution is the HTML that a map shows when its stations came in these formats; empty when none of them wants to be named.
func Attribution(formats []string) string {
	var named []string
	for _, format := range slices.Sorted(slices.Values(formats)) {
		if licence, known := licences[format]; known && !slices.Contains(named, licence) {
			named = append(named, licence)
		}
	}
	return strings.Join(named, " | ")
}
