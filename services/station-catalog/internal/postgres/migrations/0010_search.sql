-- +goose Up

-- What stations are found by as a text: words in lower case without accents, each with a blank before it. Package words folds in the
-- same way.
-- +goose StatementBegin
CREATE FUNCTION station_words(said text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT rtrim(regexp_replace(' ' || letters.folded, '[\u0001-/:-`{-\u00bf\u00d7\u00f7\u2000-\u206f\u3000-\u303f]+', ' ', 'g'), ' ')
FROM (SELECT CASE WHEN octet_length(said) = char_length(said) THEN said
                  ELSE regexp_replace(normalize(said, NFKD), '[\u0300-\u036f]+', '', 'g') END AS bare) AS bare,
     LATERAL (SELECT CASE WHEN octet_length(bare.bare) = char_length(bare.bare) THEN lower(bare.bare COLLATE "C")
                          ELSE replace(replace(replace(replace(replace(replace(replace(replace(
                               translate(lower(bare.bare COLLATE "C"),
                                   'ØøŁłĐđÐðıĦħŦŧŊŋΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЄЅІЈЉЊЋЏҐ',
                                   'oollddddihhttnnαβγδεζηθικλμνξοπρστυφχψωσабвгдежзиклмнопрстуфхцчшщъыьэюяђєѕіјљњћџґ'),
                               'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'Æ', 'ae'), 'œ', 'oe'), 'Œ', 'oe'), 'þ', 'th'), 'Þ', 'th')
                     END AS folded) AS letters
$$;
-- +goose StatementEnd

ALTER TABLE stations ADD COLUMN words text NOT NULL
    GENERATED ALWAYS AS (station_words(name || ' ' || address || ' ' || city || ' ' || postal_code)) STORED;

-- Whether stations are open depends on their time zone; there are few, and this finds them without reading the stations.
CREATE INDEX stations_time_zone_idx ON stations (time_zone) WHERE opening IS NOT NULL;

-- +goose Down
DROP INDEX stations_time_zone_idx;
ALTER TABLE stations DROP COLUMN words;
DROP FUNCTION station_words(text);
