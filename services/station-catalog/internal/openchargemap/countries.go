package openchargemap

import (
	"strings"
	"sync"
)

// Country is a country; an ISO 3166-1 alpha-2 code, also of one that is no longer used, and the code of a continent, of two letters.
type Country struct {
	ID            int
	ISOCode       string
	ContinentCode string
	Title         string
}

// Countries are all countries in the order of their ids, which begin with 1.
var Countries = sync.OnceValue(func() []Country {
	lines := strings.Split(countries, "\n")
	out := make([]Country, len(lines))
	for i, line := range lines {
		out[i] = Country{ID: i + 1, ISOCode: line[0:2], ContinentCode: line[3:5], Title: line[6:]}
	}
	return out
})

var countryIDs = sync.OnceValue(func() map[string]int {
	out := make(map[string]int)
	for _, c := range Countries() {
		out[c.ISOCode] = c.ID
	}
	return out
})

// CountryOf gives the country of an id; false when there is none.
func CountryOf(id int) (Country, bool) {
	if all := Countries(); id >= 1 && id <= len(all) {
		return all[id-1], true
	}
	return Country{}, false
}

// CountryID gives the id of an ISO 3166-1 alpha-2 code, 0 for one that is not known.
func CountryID(code string) int { return countryIDs()[code] }

const countries = `GB EU United Kingdom
US NA United States
IE EU Ireland
HK AS Hong Kong SAR China
AF AS Afghanistan
AX EU Åland Islands
AL EU Albania
DZ AF Algeria
AS OC American Samoa
AD EU Andorra
AO AF Angola
AI NA Anguilla
AQ AN Antarctica
AG NA Antigua & Barbuda
AR SA Argentina
AM AS Armenia
AW NA Aruba
AU OC Australia
AT EU Austria
AZ AS Azerbaijan
BS NA Bahamas
BH AS Bahrain
BD AS Bangladesh
BB NA Barbados
BY EU Belarus
BE EU Belgium
BZ NA Belize
BJ AF Benin
BM NA Bermuda
BT AS Bhutan
BO SA Bolivia
BQ NA Caribbean Netherlands
BA EU Bosnia & Herzegovina
BW AF Botswana
BV AN Bouvet Island
BR SA Brazil
IO AS British Indian Ocean Territory
BN AS Brunei
BG EU Bulgaria
BF AF Burkina Faso
BI AF Burundi
KH AS Cambodia
CM AF Cameroon
CA NA Canada
CV AF Cape Verde
KY NA Cayman Islands
CF AF Central African Republic
TD AF Chad
CL SA Chile
CN AS China
CX AS Christmas Island
CC AS Cocos (Keeling) Islands
CO SA Colombia
KM AF Comoros
CG AF Congo - Brazzaville
CD AF Congo - Kinshasa
CK OC Cook Islands
CR NA Costa Rica
CI AF Côte d’Ivoire
HR EU Croatia
CU NA Cuba
CW NA Curaçao
CY AS Cyprus
CZ EU Czechia
DK EU Denmark
DJ AF Djibouti
DM NA Dominica
DO NA Dominican Republic
EC SA Ecuador
EG AF Egypt
SV NA El Salvador
GQ AF Equatorial Guinea
ER AF Eritrea
EE EU Estonia
ET AF Ethiopia
FK SA Falkland Islands
FO EU Faroe Islands
FJ OC Fiji
FI EU Finland
FR EU France
GF SA French Guiana
PF OC French Polynesia
TF AN French Southern Territories
GA AF Gabon
GM AF Gambia
GE AS Georgia
DE EU Germany
GH AF Ghana
GI EU Gibraltar
GR EU Greece
GL NA Greenland
GD NA Grenada
GP NA Guadeloupe
GU OC Guam
GT NA Guatemala
GG EU Guernsey
GN AF Guinea
GW AF Guinea-Bissau
GY SA Guyana
HT NA Haiti
HM AN Heard & McDonald Islands
VA EU Vatican City
HN NA Honduras
HU EU Hungary
IS EU Iceland
IN AS India
ID AS Indonesia
IR AS Iran
IQ AS Iraq
IM EU Isle of Man
IL AS Israel
IT EU Italy
JM NA Jamaica
JP AS Japan
JE EU Jersey
JO AS Jordan
KZ AS Kazakhstan
KE AF Kenya
KI OC Kiribati
KP AS North Korea
KR AS South Korea
KW AS Kuwait
KG AS Kyrgyzstan
LA AS Laos
LV EU Latvia
LB AS Lebanon
LS AF Lesotho
LR AF Liberia
LY AF Libya
LI EU Liechtenstein
LT EU Lithuania
LU EU Luxembourg
MO AS Macau SAR China
MK EU Macedonia
MG AF Madagascar
MW AF Malawi
MY AS Malaysia
MV AS Maldives
ML AF Mali
MT EU Malta
MH OC Marshall Islands
MQ NA Martinique
MR AF Mauritania
MU AF Mauritius
YT AF Mayotte
MX NA Mexico
FM OC Micronesia
MD EU Moldova
MC EU Monaco
MN AS Mongolia
ME EU Montenegro
MS NA Montserrat
MA AF Morocco
MZ AF Mozambique
MM AS Myanmar (Burma)
NA AF Namibia
NR OC Nauru
NP AS Nepal
NL EU Netherlands
NC OC New Caledonia
NZ OC New Zealand
NI NA Nicaragua
NE AF Niger
NG AF Nigeria
NU OC Niue
NF OC Norfolk Island
MP OC Northern Mariana Islands
NO EU Norway
OM AS Oman
PK AS Pakistan
PW OC Palau
PS AS Palestinian Territories
PA NA Panama
PG OC Papua New Guinea
PY SA Paraguay
PE SA Peru
PH AS Philippines
PN OC Pitcairn Islands
PL EU Poland
PT EU Portugal
PR NA Puerto Rico
QA AS Qatar
RE AF Réunion
RO EU Romania
RU EU Russia
RW AF Rwanda
BL NA St. Barthélemy
SH AF St. Helena
KN NA St. Kitts & Nevis
LC NA St. Lucia
MF NA St. Martin
PM NA St. Pierre & Miquelon
VC NA St. Vincent & Grenadines
WS OC Samoa
SM EU San Marino
ST AF São Tomé & Príncipe
SA AS Saudi Arabia
SN AF Senegal
RS EU Serbia
SC AF Seychelles
SL AF Sierra Leone
SG AS Singapore
SX NA Sint Maarten
SK EU Slovakia
SI EU Slovenia
SB OC Solomon Islands
SO AF Somalia
ZA AF South Africa
GS AN South Georgia & South Sandwich Islands
ES EU Spain
LK AS Sri Lanka
SD AF Sudan
SR SA Suriname
SJ EU Svalbard & Jan Mayen
SZ AF Swaziland
SE EU Sweden
CH EU Switzerland
SY AS Syria
TW AS Taiwan
TJ AS Tajikistan
TZ AF Tanzania
TH AS Thailand
TL AS Timor-Leste
TG AF Togo
TK OC Tokelau
TO OC Tonga
TT NA Trinidad & Tobago
TN AF Tunisia
TR EU Turkey
TM AS Turkmenistan
TC NA Turks & Caicos Islands
TV OC Tuvalu
UG AF Uganda
UA EU Ukraine
AE AS United Arab Emirates
UM OC U.S. Outlying Islands
UY SA Uruguay
UZ AS Uzbekistan
VU OC Vanuatu
VE SA Venezuela
VN AS Vietnam
VG NA British Virgin Islands
VI NA U.S. Virgin Islands
WF OC Wallis & Futuna
EH AF Western Sahara
YE AS Yemen
ZM AF Zambia
ZW AF Zimbabwe
SS AF South Sudan
XK EU Kosovo`
