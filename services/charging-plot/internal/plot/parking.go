package plot

// Parking is the bay itself, in the words of OCPI's Parking and EVSEParking. What nobody has said is left out.
type Parking struct {
	VehicleTypes          []string `json:"vehicle_types,omitempty"`
	MaxVehicleWeightKg    *float64 `json:"max_vehicle_weight_kg,omitempty"`
	MaxVehicleHeightCm    *float64 `json:"max_vehicle_height_cm,omitempty"`
	MaxVehicleLengthCm    *float64 `json:"max_vehicle_length_cm,omitempty"`
	MaxVehicleWidthCm     *float64 `json:"max_vehicle_width_cm,omitempty"`
	SpaceLengthCm         *float64 `json:"parking_space_length_cm,omitempty"`
	SpaceWidthCm          *float64 `json:"parking_space_width_cm,omitempty"`
	DangerousGoodsAllowed *bool    `json:"dangerous_goods_allowed,omitempty"`
	Direction             *string  `json:"direction,omitempty"`
	DriveThrough          *bool    `json:"drive_through,omitempty"`
	RestrictedToType      *bool    `json:"restricted_to_type,omitempty"`
	ReservationRequired   *bool    `json:"reservation_required,omitempty"`
	TimeLimitMin          *int     `json:"time_limit_min,omitempty"`
	Roofed                *bool    `json:"roofed,omitempty"`
	Lighting              *bool    `json:"lighting,omitempty"`
	RefrigerationOutlet   *bool    `json:"refrigeration_outlet,omitempty"`
	Standards             []string `json:"standards,omitempty"`
	APDSReference         *string  `json:"apds_reference,omitempty"`
	Restrictions          []string `json:"parking_restrictions,omitempty"`
	EVSEPosition          *string  `json:"evse_position,omitempty"`
}
