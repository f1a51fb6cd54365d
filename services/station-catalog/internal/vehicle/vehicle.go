// Package vehicle knows some electric cars well enough to say how long a charge takes: what their battery holds, which plugs they
// take, and the most they draw. The figures are those that the makers give for the usual equipment.
package vehicle

// Vehicle is a model of car.
type Vehicle struct {
	ID         string
	Title      string
	BatteryKWh float64 // usable
	MaxACKW    float64
	MaxDCKW    float64
	Plugs      []string // OCPI standards
}

var (
	ccs     = []string{"IEC_62196_T2", "IEC_62196_T2_COMBO"}
	chademo = []string{"IEC_62196_T2", "CHADEMO"}
)

// All are the models, by id.
var All = []Vehicle{
	{"audi_q4_40_etron", "Audi Q4 40 e-tron", 77, 11, 135, ccs},
	{"bmw_i4_edrive40", "BMW i4 eDrive40", 81, 11, 205, ccs},
	{"dacia_spring", "Dacia Spring", 25, 6.6, 30, ccs},
	{"fiat_500e_42", "Fiat 500e, 42 kWh", 37.3, 11, 85, ccs},
	{"hyundai_ioniq_5_77", "Hyundai IONIQ 5, 77 kWh", 74, 11, 233, ccs},
	{"kia_ev6_77", "Kia EV6, 77 kWh", 74, 11, 233, ccs},
	{"mg_4_64", "MG4, 64 kWh", 61.7, 11, 140, ccs},
	{"nissan_leaf_40", "Nissan Leaf, 40 kWh", 39, 6.6, 46, chademo},
	{"peugeot_e_208_50", "Peugeot e-208, 50 kWh", 46, 7.4, 100, ccs},
	{"renault_megane_ev60", "Renault Mégane E-Tech EV60", 60, 22, 129, ccs},
	{"renault_zoe_ze50", "Renault ZOE ZE50", 52, 22, 46, ccs},
	{"tesla_model_3_long_range", "Tesla Model 3 Long Range", 75, 11, 250, ccs},
	{"tesla_model_y_long_range", "Tesla Model Y Long Range", 75, 11, 250, ccs},
	{"volkswagen_id_3_pro", "Volkswagen ID.3 Pro", 58, 11, 120, ccs},
}

// Find gives the model of an id.
func Find(id string) (*Vehicle, bool) {
	for i := range All {
		if All[i].ID == id {
			return &All[i], true
		}
	}
	return nil, false
}

// Takes tells whether the car has an inlet for a plug.
func (v *Vehicle) Takes(standard string) bool {
	for _, plug := range v.Plugs {
		if plug == standard {
			return true
		}
	}
	return false
}
