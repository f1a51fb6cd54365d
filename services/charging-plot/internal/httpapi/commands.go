package httpapi

import (
	"context"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// ErrIncompleteCommand is a command without a member that it wants.
var ErrIncompleteCommand = fault.Define(fault.Invalid, "incomplete_command", "The command lacks something")

// wanted are the members that a kind of command wants, each with whether it is there.
func wanted(in CommandInput) map[string]bool {
	switch in.Command {
	case Unlock:
		return map[string]bool{"ocpp_connector_id": orZero(in.OcppConnectorId) > 0}
	case ChangeAvailability:
		return map[string]bool{"operative": in.Operative != nil}
	case TriggerMessage:
		return map[string]bool{"message": in.Message != nil}
	case RemoteStart:
		return map[string]bool{"id_tag": in.IdTag != nil}
	case RemoteStop:
		return map[string]bool{"transaction_id": in.TransactionId != nil}
	case ReserveNow:
		return map[string]bool{"id_tag": in.IdTag != nil, "reservation_number": in.ReservationNumber != nil, "expires_at": in.ExpiresAt != nil}
	case CancelReservation:
		return map[string]bool{"reservation_number": in.ReservationNumber != nil}
	case ChangeConfiguration:
		return map[string]bool{"variables": in.Variables != nil && valued(*in.Variables)}
	case SendLocalList:
		return map[string]bool{"local_list": in.LocalList != nil}
	case UpdateFirmware, GetDiagnostics:
		return map[string]bool{"transfer": in.Transfer != nil}
	case SetChargingProfile:
		return map[string]bool{"charging_profile": in.ChargingProfile != nil}
	case ClearChargingProfile:
		return map[string]bool{"clear": in.Clear != nil}
	case GetCompositeSchedule:
		return map[string]bool{"duration_s": in.DurationS != nil}
	case DataTransfer:
		return map[string]bool{"vendor": in.Vendor != nil}
	case InstallCertificate, DeleteCertificate, CertificateSigned, ListCertificates:
		return wantedOfCertificates(in)
	case Reset, ClearCache, GetConfiguration, GetLocalListVersion, GetChargingProfiles:
	}
	return nil
}

func valued(variables []VariableInput) bool {
	for _, v := range variables {
		if v.Value == nil {
			return false
		}
	}
	return true
}

// FromAPICommand reads a command; what its kind wants must be there.
func FromAPICommand(in CommandInput) (chargepoint.Command, error) {
	var missing []fault.Field
	for member, there := range wanted(in) {
		if !there {
			missing = append(missing, fault.Field{Pointer: "/" + member, Code: "required", Detail: "is wanted for " + string(in.Command)})
		}
	}
	if len(missing) > 0 {
		return chargepoint.Command{}, ErrIncompleteCommand.At(missing...)
	}
	command := chargepoint.Command{
		Kind: chargepoint.CommandKind(in.Command), Connector: orZero(in.OcppConnectorId), Hard: orZero(in.Hard), Operative: orZero(in.Operative),
		Message: string(orZero(in.Message)), IDTag: orZero(in.IdTag), Transaction: chargepoint.TransactionID(orZero(in.TransactionId)),
		ReservationID: orZero(in.ReservationNumber), ExpiresAt: orZero(in.ExpiresAt), DurationS: orZero(in.DurationS),
		Unit: chargepoint.RateUnit(orZero(in.Unit)),
	}
	if in.Variables != nil {
		for _, v := range *in.Variables {
			command.Variables = append(command.Variables, chargepoint.Variable{
				Component: orZero(v.Component), ComponentInstance: orZero(v.ComponentInstance), EVSE: orZero(v.EvseId),
				Connector: orZero(v.ConnectorId), Name: v.Name, Instance: orZero(v.Instance), Attribute: string(orZero(v.Attribute)),
				Value: orZero(v.Value),
			})
		}
	}
	if l := in.LocalList; l != nil {
		command.List = &chargepoint.LocalList{Version: l.Version, Full: orZero(l.Full)}
		for _, e := range orZero(l.Entries) {
			command.List.Entries = append(command.List.Entries, chargepoint.ListedTag{
				IDTag: e.IdTag, Status: chargepoint.Authorization(orZero(e.Status)), ExpiresAt: orZero(e.ExpiresAt),
			})
		}
	}
	if t := in.Transfer; t != nil {
		command.Transfer = &chargepoint.Transfer{
			URL: t.Url, At: orZero(t.At), InstallAt: orZero(t.InstallAt), From: orZero(t.From), To: orZero(t.To), Security: orZero(t.SecurityLog),
			Retries: t.Retries, RetryIntervalS: t.RetryIntervalS,
		}
	}
	if in.ChargingProfile != nil {
		profile := FromAPIChargingProfile(*in.ChargingProfile)
		command.Profile = &profile
	}
	if f := in.Clear; f != nil {
		command.Clear = &chargepoint.ProfileFilter{
			ID: f.Id, Connector: f.OcppConnectorId, StackLevel: f.StackLevel, Purpose: chargepoint.ProfilePurpose(orZero(f.Purpose)),
		}
	}
	command.Certificate = fromAPICertificate(in.Certificate)
	if v := in.Vendor; v != nil {
		command.Vendor = &chargepoint.VendorData{VendorID: v.VendorId, MessageID: orZero(v.MessageId), Data: orZero(v.Data)}
	}
	return command, nil
}

// CommandChargePoint implements StrictServerInterface.
func (a *API) CommandChargePoint(ctx context.Context, request CommandChargePointRequestObject) (CommandChargePointResponseObject, error) {
	command, err := FromAPICommand(*request.Body)
	if err != nil {
		return nil, err
	}
	cp, err := a.operated(ctx, request.ChargePointId)
	if err != nil {
		return nil, err
	}
	if command.Transfer != nil && command.Transfer.At.IsZero() {
		command.Transfer.At = a.Now().UTC()
	}
	if list := command.List; list != nil && list.Full && request.Body.LocalList.Entries == nil {
		if list.Entries, err = a.listed(ctx, cp.ID); err != nil {
			return nil, err
		}
	}
	answered, cancel := context.WithTimeout(chargepoint.WithAsker(ctx, caller(ctx).ID), a.CommandTimeout)
	defer cancel()
	outcome, err := a.Commands.Send(answered, cp.ID, command)
	if err != nil {
		return nil, err
	}
	return CommandChargePoint200JSONResponse(ToAPIOutcome(command.Kind, outcome)), nil
}

// mostListed is the longest list that is made here; charge points have room for a few hundred to a few thousand.
const mostListed = 1000

// listed is the local list of a charge point: the tokens that hold there without asking.
func (a *API) listed(ctx context.Context, id uuid.UUID) ([]chargepoint.ListedTag, error) {
	tokens, err := a.Upkeep.LocalTokens(ctx, id, mostListed)
	if err != nil {
		return nil, err
	}
	entries := make([]chargepoint.ListedTag, 0, len(tokens))
	for _, t := range tokens {
		entries = append(entries, chargepoint.ListedTag{IDTag: t.UID, Status: chargepoint.Accepted})
	}
	return entries, nil
}

// ToAPIOutcome writes the answer to a command as the API says it.
func ToAPIOutcome(kind chargepoint.CommandKind, o chargepoint.Outcome) CommandOutcome {
	out := CommandOutcome{
		Id: o.ID, Command: string(kind), Status: string(o.Status), Reason: orAbsent(o.Reason), TransactionId: orAbsent(string(o.Transaction)),
		ListVersion: o.ListVersion, File: orAbsent(o.File), Data: orAbsent(o.Data),
	}
	if len(o.Variables) > 0 {
		answers := make([]VariableAnswer, len(o.Variables))
		for i, v := range o.Variables {
			answers[i] = VariableAnswer{
				Name: v.Name, Component: orAbsent(v.Component), EvseId: orAbsent(v.EVSE), Instance: orAbsent(v.Instance),
				Attribute: orAbsent(v.Attribute), Value: orAbsent(v.Value), Status: orAbsent(string(v.Status)),
			}
			if v.Secret() {
				answers[i].Value = nil
			}
		}
		out.Variables = &answers
	}
	if len(o.Unknown) > 0 {
		out.Unknown = &o.Unknown
	}
	if o.Schedule != nil {
		schedule := ToAPISchedule(*o.Schedule)
		out.Schedule = &schedule
	}
	if len(o.Certificates) > 0 {
		out.Certificates = toAPICertificates(o.Certificates)
	}
	return out
}

// orAbsent leaves a member out that has nothing to say.
func orAbsent[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// GetChargePointCommand implements StrictServerInterface.
func (a *API) GetChargePointCommand(ctx context.Context, request GetChargePointCommandRequestObject) (GetChargePointCommandResponseObject, error) {
	cp, err := a.operated(ctx, request.ChargePointId)
	if err != nil {
		return nil, err
	}
	record, err := a.Upkeep.GetCommand(ctx, cp.ID, request.CommandId)
	if err != nil {
		return nil, err
	}
	return GetChargePointCommand200JSONResponse(ToAPIRecord(record)), nil
}

// ListChargePointCommands implements StrictServerInterface.
func (a *API) ListChargePointCommands(
	ctx context.Context, request ListChargePointCommandsRequestObject,
) (ListChargePointCommandsResponseObject, error) {
	cp, err := a.operated(ctx, request.ChargePointId)
	if err != nil {
		return nil, err
	}
	before, err := decodeID(a.commandCursors, request.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Upkeep.ListCommands(ctx, chargepoint.Records{
		ChargePoint: cp.ID, Kind: chargepoint.CommandKind(orZero(request.Params.Command)), Before: before, Limit: limit + 1,
	})
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, limit)
	out := CommandPage{Items: make([]CommandRecord, 0, len(found))}
	for _, r := range found {
		out.Items = append(out.Items, ToAPIRecord(r))
	}
	if more {
		out.NextCursor = a.commandCursors.Encode(idCursor{found[len(found)-1].ID})
	}
	return out, nil
}

// ToAPIRecord writes a command's record as the API says it.
func ToAPIRecord(r chargepoint.Record) CommandRecord {
	out := CommandRecord{
		Id: r.ID, Command: string(r.Command.Kind), State: CommandRecordStatePENDING, Fault: r.Fault, Progress: r.Progress, ProgressAt: timeOrNull(r.ProgressAt),
		CreatedAt: r.CreatedAt, AnsweredAt: timeOrNull(r.AnsweredAt), AskedBy: idOrNull(r.AskedBy),
		Outcome: nullable.NewNullNullable[CommandOutcome](),
	}
	switch {
	case r.Outcome != nil:
		out.State, out.Status = CommandRecordStateANSWERED, string(r.Outcome.Status)
		outcome := *r.Outcome
		outcome.ID = r.ID
		out.Outcome = nullable.NewNullableWithValue(ToAPIOutcome(r.Command.Kind, outcome))
	case r.Fault != "":
		out.State = CommandRecordStateFAILED
	}
	return out
}

// GetChargePointConfiguration implements StrictServerInterface.
func (a *API) GetChargePointConfiguration(
	ctx context.Context, request GetChargePointConfigurationRequestObject,
) (GetChargePointConfigurationResponseObject, error) {
	cp, err := a.operated(ctx, request.ChargePointId)
	if err != nil {
		return nil, err
	}
	variables, err := a.Upkeep.ListVariables(ctx, cp.ID)
	if err != nil {
		return nil, err
	}
	out := Configuration{Items: make([]Variable, 0, len(variables))}
	for _, v := range variables {
		out.Items = append(out.Items, Variable{
			Name: v.Name, Component: orAbsent(v.Component), ComponentInstance: orAbsent(v.ComponentInstance), EvseId: orAbsent(v.EVSE),
			ConnectorId: orAbsent(v.Connector), Instance: orAbsent(v.Instance), Attribute: orAbsent(v.Attribute), Value: v.Value,
			ReadOnly: v.ReadOnly, ReportedAt: v.At,
		})
	}
	tag, err := contentTag(out)
	return GetChargePointConfiguration200JSONResponse{Body: out, Headers: GetChargePointConfiguration200ResponseHeaders{ETag: tag}}, err
}

// ListChargingProfiles implements StrictServerInterface.
func (a *API) ListChargingProfiles(ctx context.Context, request ListChargingProfilesRequestObject) (ListChargingProfilesResponseObject, error) {
	cp, err := a.operated(ctx, request.ChargePointId)
	if err != nil {
		return nil, err
	}
	profiles, err := a.Upkeep.ListProfiles(ctx, cp.ID)
	if err != nil {
		return nil, err
	}
	out := ChargingProfiles{Items: make([]ChargingProfile, 0, len(profiles))}
	for _, p := range profiles {
		out.Items = append(out.Items, ToAPIChargingProfile(p))
	}
	tag, err := contentTag(out)
	return ListChargingProfiles200JSONResponse{Body: out, Headers: ListChargingProfiles200ResponseHeaders{ETag: tag}}, err
}

// FromAPIChargingProfile reads a charging profile.
func FromAPIChargingProfile(in ChargingProfile) chargepoint.ChargingProfile {
	out := chargepoint.ChargingProfile{
		ID: in.Id, Connector: in.OcppConnectorId, StackLevel: in.StackLevel, Purpose: chargepoint.ProfilePurpose(in.Purpose), Kind: string(in.Kind),
		Recurrency: string(orZero(in.Recurrency)), ValidFrom: orZero(in.ValidFrom), ValidTo: orZero(in.ValidTo),
		Transaction: chargepoint.TransactionID(orZero(in.TransactionId)),
		Schedule: chargepoint.ChargingSchedule{
			StartsAt: orZero(in.Schedule.StartsAt), DurationS: in.Schedule.DurationS, Unit: chargepoint.RateUnit(in.Schedule.Unit),
			MinRate: in.Schedule.MinRate,
		},
	}
	for _, p := range in.Schedule.Periods {
		out.Schedule.Periods = append(out.Schedule.Periods, chargepoint.SchedulePeriod{StartS: p.StartS, Limit: p.Limit, Phases: p.Phases})
	}
	return out
}

// ToAPIChargingProfile writes a charging profile as the API says it.
func ToAPIChargingProfile(p chargepoint.ChargingProfile) ChargingProfile {
	return ChargingProfile{
		Id: p.ID, OcppConnectorId: p.Connector, StackLevel: p.StackLevel, Purpose: ChargingProfilePurpose(p.Purpose),
		Kind: ChargingProfileKind(p.Kind), Recurrency: orAbsent(ChargingProfileRecurrency(p.Recurrency)), ValidFrom: orAbsent(p.ValidFrom),
		ValidTo: orAbsent(p.ValidTo), TransactionId: orAbsent(string(p.Transaction)), Schedule: ToAPISchedule(p.Schedule),
	}
}

// ToAPISchedule writes a schedule as the API says it.
func ToAPISchedule(s chargepoint.ChargingSchedule) ChargingSchedule {
	out := ChargingSchedule{
		StartsAt: orAbsent(s.StartsAt), DurationS: s.DurationS, Unit: RateUnit(s.Unit), MinRate: s.MinRate,
		Periods: make([]SchedulePeriod, 0, len(s.Periods)),
	}
	for _, p := range s.Periods {
		out.Periods = append(out.Periods, SchedulePeriod{StartS: p.StartS, Limit: p.Limit, Phases: p.Phases})
	}
	return out
}

// ListChargePointMessages implements StrictServerInterface.
func (a *API) ListChargePointMessages(
	ctx context.Context, request ListChargePointMessagesRequestObject,
) (ListChargePointMessagesResponseObject, error) {
	cp, err := a.operated(ctx, request.ChargePointId)
	if err != nil {
		return nil, err
	}
	p := request.Params
	before, err := decodeID(a.messageCursors, p.Cursor)
	if err != nil {
		return nil, err
	}
	limit := page.Size(p.Limit)
	found, err := a.Upkeep.ListMessages(ctx, chargepoint.Messages{
		ChargePoint: cp.ID, Direction: chargepoint.Direction(orZero(p.Direction)), Action: orZero(p.Action), MessageID: orZero(p.MessageId),
		From: orZero(p.From), To: orZero(p.To), Before: before, Limit: limit + 1,
	})
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, limit)
	out := MessagePage{Items: make([]Message, 0, len(found))}
	for _, m := range found {
		out.Items = append(out.Items, Message{
			Id: m.ID, At: m.At, Direction: MessageDirection(m.Direction), Kind: MessageKind(m.Kind), MessageId: m.MessageID, Action: m.Action,
			Payload: m.Payload, ErrorCode: m.ErrorCode,
		})
	}
	if more {
		out.NextCursor = a.messageCursors.Encode(idCursor{found[len(found)-1].ID})
	}
	return out, nil
}
