package search

import "time"

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 24 * 60 * 60 * microsPerSecond
)

// lastDay is the first microsecond of the year 10000, before which years have four digits.
var lastDay = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// appendInstant is time.UnixMicro(micros).UTC().AppendFormat(dst, time.RFC3339Nano), in a third of the time: there is one in every
// item of an answer. The calendar is Hinnant's civil_from_days, for days since 1970.
func appendInstant(dst []byte, micros int64) []byte {
	if micros < 0 || micros >= lastDay {
		return time.UnixMicro(micros).UTC().AppendFormat(dst, time.RFC3339Nano)
	}
	within := micros % microsPerDay
	days := micros/microsPerDay + 719_468 // since 0000-03-01
	era := days / 146_097
	ofEra := days % 146_097
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36_524 - ofEra/146_096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	march := (5*ofYear + 2) / 153 // months since March
	year, month, day := yearOfEra+400*era, march+3, ofYear-(153*march+2)/5+1
	if month > 12 {
		year, month = year+1, month-12
	}
	second := within / microsPerSecond
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), month)
	dst = appendTwo(append(dst, '-'), day)
	dst = appendTwo(append(dst, 'T'), second/3600)
	dst = appendTwo(append(dst, ':'), second/60%60)
	dst = appendTwo(append(dst, ':'), second%60)
	if left := within % microsPerSecond; left > 0 {
		dst = append(dst, '.')
		for unit := int64(microsPerSecond / 10); left > 0; unit /= 10 {
			dst = append(dst, digits[left/unit])
			left %= unit
		}
	}
	return append(dst, 'Z')
}

const digits = "0123456789"

// appendTwo appends two digits of a number below a hundred.
func appendTwo(dst []byte, n int64) []byte { return append(dst, digits[n/10], digits[n%10]) }
