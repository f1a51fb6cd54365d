package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
)

func chargePoints() *cobra.Command {
	group := &cobra.Command{Use: "charge-point", Short: "Register and list charge points"}
	group.AddCommand(createChargePoint(), listChargePoints())
	return group
}

func createChargePoint() *cobra.Command {
	var station, password string
	var evses []string
	cmd := &cobra.Command{
		Use:     "create IDENTITY",
		Short:   "Register a charge point and print its password",
		Long:    "Register a charge point of a station, and print its password: it is stored hashed and never shown again.",
		Example: "  charging-plot charge-point create CP-1 --station 0190… --evse 1=0190… --evse 2=0190…",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			r := chargingplot.Registration{Identity: args[0], EVSEs: map[int]uuid.UUID{}, Password: password}
			if r.StationID, err = uuid.Parse(station); err != nil {
				return fmt.Errorf("--station: %w", err)
			}
			for _, text := range evses {
				connector, evse, found := strings.Cut(text, "=")
				number, err := strconv.Atoi(connector)
				if !found || err != nil || number < 1 {
					return fmt.Errorf("--evse %s: must be CONNECTOR=EVSE, such as 1=0190…", text)
				}
				if r.EVSEs[number], err = uuid.Parse(evse); err != nil {
					return fmt.Errorf("--evse %s: %w", text, err)
				}
			}
			cp, secret, err := chargingplot.RegisterChargePoint(cmd.Context(), cfg, r)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "id        %s\nidentity  %s\npassword  %s\n", cp.ID, cp.Identity, secret)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&station, "station", "", "id of the station")
	flags.StringArrayVar(&evses, "evse", nil, "CONNECTOR=EVSE: the number the charge point has for a plug, and the id of its EVSE; repeated")
	flags.StringVar(&password, "password", "", "for a charge point that comes with one; must be random")
	for _, name := range []string{"station", "evse"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag stands above
		}
	}
	return cmd
}

func listChargePoints() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List charge points", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			found, err := chargingplot.ListChargePoints(cmd.Context(), cfg, limit)
			if err != nil {
				return err
			}
			out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(out, "ID\tIDENTITY\tSTATION\tCONNECTED\tLAST SEEN\tMODEL")
			for _, cp := range found {
				fmt.Fprintf(out, "%s\t%s\t%s\t%t\t%s\t%s\n", cp.ID, cp.Identity, cp.StationID, cp.Connected, when(cp.LastSeenAt), cp.Model)
			}
			return out.Flush()
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 500, "most to list")
	return cmd
}

func sessions() *cobra.Command {
	group := &cobra.Command{Use: "session", Short: "List sessions"}
	var limit int
	var states []string
	list := &cobra.Command{
		Use: "list", Short: "List sessions, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			found, err := chargingplot.ListSessions(cmd.Context(), cfg, states, limit)
			if err != nil {
				return err
			}
			out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(out, "ID\tPLOT\tSTATE\tSTARTED\tENDED\tKWH\tREASON")
			for _, s := range found {
				fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%.3f\t%s\n", s.ID, s.PlotID, s.State, when(s.StartedAt), when(s.EndedAt), s.EnergyKWh, s.Reason)
			}
			return out.Flush()
		},
	}
	list.Flags().IntVar(&limit, "limit", 50, "most to list")
	list.Flags().StringSliceVar(&states, "state", nil, "only sessions in these states: PENDING, ACTIVE, COMPLETED, INVALID")
	group.AddCommand(list)
	return group
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}
