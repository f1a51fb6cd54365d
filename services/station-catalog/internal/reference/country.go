package reference

import "golang.org/x/text/language"

// unknownCountry is what stands for a region that has no code of three letters.
const unknownCountry = "ZZZ"

// Country tells whether the two capital letters are the ISO 3166-1 code of a country: not UK, which is GB, and none that stands for nothing.
func Country(code string) bool {
	found, ok := CountryOf(code)
	return ok && found == code
}

// CountryOf gives the ISO 3166-1 code of two letters for one of two or three, also for one that is no longer used; false for what is no country.
func CountryOf(code string) (string, bool) {
	region, err := language.ParseRegion(code)
	if err != nil {
		return "", false
	}
	region = region.Canonicalize()
	if !region.IsCountry() || region.ISO3() == unknownCountry {
		return "", false
	}
	return region.String(), true
}
