package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/invitation"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

type invitationRow struct {
	ID         uuid.UUID      `db:"id"`
	Address    string         `db:"address"`
	AddressKey string         `db:"address_key"`
	Grants     pq.StringArray `db:"grants"`
	Operator   uuid.NullUUID  `db:"operator_id"`
	Locale     string         `db:"locale"`
	InvitedBy  uuid.UUID      `db:"invited_by"`
	CreatedAt  time.Time      `db:"created_at"`
	ExpiresAt  time.Time      `db:"expires_at"`
	AcceptedAt sql.NullTime   `db:"accepted_at"`
	RevokedAt  sql.NullTime   `db:"revoked_at"`
	Expired    bool           `db:"expired"`
}

func (row invitationRow) invitation() (invitation.Invitation, error) {
	grants, err := grantsOf(row.Grants)
	return invitation.Invitation{
		ID: row.ID, Email: account.EmailOfRow(row.Address, row.AddressKey), Grants: grants, Operator: row.Operator.UUID, Locale: row.Locale,
		InvitedBy: row.InvitedBy, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, AcceptedAt: row.AcceptedAt.Time, RevokedAt: row.RevokedAt.Time,
		Expired: row.Expired,
	}, err
}

const (
	invitationColumns = `id, address, address_key, grants, operator_id, locale, invited_by, created_at, expires_at, accepted_at, revoked_at,
		expires_at <= now() AS expired`
	insertInvitation = `
		INSERT INTO invitations (id, address, address_key, grants, operator_id, locale, invited_by, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))
		RETURNING ` + invitationColumns
)

// manages returns the operators whose staff a holder of grants looks after, and whether that is everybody's.
func manages(grants []role.Grant) (operators pq.StringArray, all bool) {
	operators = pq.StringArray{}
	for _, grant := range grants {
		if grant.Role == role.OperatorAdmin {
			operators = append(operators, grant.Operator.String())
		}
		all = all || grant.Role == role.Admin
	}
	return operators, all
}

// mayInvite returns role.ErrMayNot unless who holds grants may give all that an invitation gives. What gives nothing is for
// administrators to send.
func mayInvite(held, wanted []role.Grant) error {
	if _, all := manages(held); !all && len(wanted) == 0 {
		return role.ErrMayNot
	}
	for _, grant := range wanted {
		if !role.MayManage(held, grant) {
			return role.ErrMayNot.Detailf("you may not give the role %s", grant)
		}
	}
	return nil
}

// Invite keeps an invitation and queues its mail. The inviter's roles are those of this moment, not those of the token.
func (s *Accounts) Invite(
	ctx context.Context, holder account.Holder, i invitation.Invitation, life time.Duration, event audit.Event,
) (invitation.Invitation, error) {
	var row invitationRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		inviter, err := hold(ctx, tx, holder)
		if err != nil {
			return err
		}
		held, err := grantsOf(inviter.Grants)
		if err != nil {
			return err
		}
		if err := mayInvite(held, i.Grants); err != nil {
			return err
		}
		texts := make(pq.StringArray, len(i.Grants))
		for at, grant := range i.Grants {
			texts[at] = grant.String()
		}
		err = tx.GetContext(ctx, &row, insertInvitation, i.ID, i.Email.Address(), i.Email.Key(), texts, optional(i.Operator), i.Locale, i.InvitedBy, seconds(life))
		if err != nil {
			return fmt.Errorf("invite: %w", err)
		}
		if err := queue(ctx, tx, notice.Of(notice.Invited, holder.Account, i.ID)); err != nil {
			return err
		}
		return record(ctx, tx, event)
	})
	if err != nil {
		return invitation.Invitation{}, err
	}
	return row.invitation()
}

const (
	listInvitations = `
		SELECT ` + invitationColumns + ` FROM invitations
		WHERE ($1 OR operator_id = ANY ($2::uuid[])) AND (id < $3 OR $3 IS NULL) ORDER BY id DESC LIMIT $4`
	getInvitation = `
		SELECT ` + invitationColumns + ` FROM invitations WHERE ($1 OR operator_id = ANY ($2::uuid[])) AND id = $3 FOR UPDATE`
)

// ListInvitations returns the invitations that the holder may revoke, newest first.
func (s *Accounts) ListInvitations(ctx context.Context, holder account.Holder, before uuid.UUID, limit int) ([]invitation.Invitation, error) {
	own, err := s.GetAccount(ctx, holder)
	if err != nil {
		return nil, err
	}
	operators, all := manages(own.Grants)
	var rows []invitationRow
	if err := s.db.SelectContext(ctx, &rows, listInvitations, all, operators, optional(before), limit); err != nil {
		return nil, pg.Map(fmt.Errorf("list invitations: %w", err), nil)
	}
	list := make([]invitation.Invitation, len(rows))
	for i, row := range rows {
		if list[i], err = row.invitation(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// RevokeInvitation ends an open invitation, or returns invitation.ErrNone or invitation.ErrOver.
func (s *Accounts) RevokeInvitation(ctx context.Context, holder account.Holder, id uuid.UUID, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		own, err := hold(ctx, tx, holder)
		if err != nil {
			return err
		}
		held, err := grantsOf(own.Grants)
		if err != nil {
			return err
		}
		operators, all := manages(held)
		var row invitationRow
		err = tx.GetContext(ctx, &row, getInvitation, all, operators, id)
		if errors.Is(err, sql.ErrNoRows) {
			return invitation.ErrNone
		}
		if err != nil {
			return fmt.Errorf("find an invitation: %w", err)
		}
		if row.AcceptedAt.Valid || row.RevokedAt.Valid || row.Expired {
			return invitation.ErrOver
		}
		if _, err := tx.ExecContext(ctx, `UPDATE invitations SET revoked_at = now(), token_hash = NULL WHERE id = $1`, id); err != nil {
			return fmt.Errorf("revoke an invitation: %w", err)
		}
		return record(ctx, tx, event.Within(row.Operator.UUID))
	})
}

const (
	openInvitation = `
		SELECT ` + invitationColumns + ` FROM invitations
		WHERE token_hash = $1 AND expires_at > now() AND accepted_at IS NULL AND revoked_at IS NULL`
	hasAccount = `SELECT EXISTS (SELECT FROM emails WHERE address_key = $1)`
)

func findOpening(ctx context.Context, db sqlx.QueryerContext, query string, hash token.Hash) (invitationRow, error) {
	var row invitationRow
	err := sqlx.GetContext(ctx, db, &row, query, hash[:])
	if errors.Is(err, sql.ErrNoRows) {
		return invitationRow{}, account.ErrLink
	}
	if err != nil {
		return invitationRow{}, fmt.Errorf("find an invitation: %w", err)
	}
	return row, nil
}

// OpenInvitation returns the invitation that a token is for, or account.ErrLink.
func (s *Accounts) OpenInvitation(ctx context.Context, hash token.Hash) (invitation.Opening, error) {
	row, err := findOpening(ctx, s.db, openInvitation, hash)
	if err != nil {
		return invitation.Opening{}, pg.Map(err, nil)
	}
	opening := invitation.Opening{Email: account.EmailOfRow(row.Address, row.AddressKey)}
	if err := s.db.GetContext(ctx, &opening.HasAccount, hasAccount, row.AddressKey); err != nil {
		return invitation.Opening{}, pg.Map(fmt.Errorf("look for an account: %w", err), nil)
	}
	return opening, nil
}

const (
	byIDUsable       = selectAccount + ` WHERE a.id = $1 AND a.disabled_at IS NULL FOR SHARE OF a`
	byAddressUsable  = selectAccount + ` WHERE a.id = (SELECT account_id FROM emails WHERE address_key = $1) FOR UPDATE OF a`
	acceptInvitation = `UPDATE invitations SET accepted_at = now(), accepted_by = $2, token_hash = NULL WHERE id = $1`
)

// AcceptInvitation consumes a token and gives what the invitation promises.
func (s *Accounts) AcceptInvitation(
	ctx context.Context, hash token.Hash, id uuid.UUID, newcomer *account.Registration, from caller.Caller,
) (account.Account, error) {
	var row accountRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		found, err := findOpening(ctx, tx, openInvitation+` FOR UPDATE`, hash)
		if err != nil {
			return err
		}
		i, err := found.invitation()
		if err != nil {
			return err
		}
		inviter, err := findAccount(ctx, tx, account.ErrLink, byIDUsable, i.InvitedBy)
		if err != nil {
			return err
		}
		held, err := grantsOf(inviter.Grants)
		if err != nil {
			return err
		}
		if mayInvite(held, i.Grants) != nil {
			return account.ErrLink // the inviter has lost the right since
		}
		who, err := join(ctx, tx, i, id, newcomer, from)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, acceptInvitation, i.ID, who); err != nil {
			return fmt.Errorf("accept an invitation: %w", err)
		}
		event := audit.New(audit.InvitationAccepted, who, audit.ByAccount(who)).From(from).Within(i.Operator).With("invitation", i.ID.String())
		if err := record(ctx, tx, event); err != nil {
			return err
		}
		for _, grant := range i.Grants {
			event := audit.New(audit.RoleGranted, who, audit.ByAccount(i.InvitedBy)).Within(grant.Operator).With("role", grant.String())
			if err := record(ctx, tx, event); err != nil {
				return err
			}
		}
		row, err = findAccount(ctx, tx, account.ErrLink, selectAccount+` WHERE a.id = $1`, who)
		return err
	})
	if err != nil {
		return account.Account{}, pg.Map(err, accountConstraints)
	}
	return row.account()
}

// join finds or makes the account of who accepts, gives it the roles, and returns its id.
func join(
	ctx context.Context, tx *sqlx.Tx, i invitation.Invitation, id uuid.UUID, newcomer *account.Registration, from caller.Caller,
) (uuid.UUID, error) {
	known, err := findAccount(ctx, tx, account.ErrNotFound, byAddressUsable, i.Email.Key())
	switch {
	case err == nil && known.Disabled:
		return uuid.Nil, account.ErrLink
	case err == nil:
		for _, grant := range i.Grants {
			if _, err := tx.ExecContext(ctx, insertGrant, known.ID, grant.Role, optional(grant.Operator)); err != nil {
				return uuid.Nil, fmt.Errorf("insert grant: %w", err)
			}
		}
		_, err := tx.ExecContext(ctx, touch, known.ID)
		return known.ID, err
	case !errors.Is(err, account.ErrNotFound):
		return uuid.Nil, err
	case newcomer == nil:
		return uuid.Nil, invitation.ErrPasswordNeeded
	}
	if err := insert(ctx, tx, id, *newcomer, append([]role.Grant{{Role: role.Driver}}, i.Grants...)); err != nil {
		return uuid.Nil, err
	}
	for _, statement := range []string{dropRegistrations, `DELETE FROM pending_emails WHERE address_key = $1`} {
		if _, err := tx.ExecContext(ctx, statement, i.Email.Key()); err != nil {
			return uuid.Nil, fmt.Errorf("drop what waits for an address: %w", err)
		}
	}
	if err := queue(ctx, tx, notice.About(notice.AccountOpened, id)); err != nil {
		return uuid.Nil, err
	}
	return id, record(ctx, tx, audit.New(audit.Confirmed, id, audit.ByAccount(id)).From(from))
}

var _ invitation.Store = (*Accounts)(nil)
