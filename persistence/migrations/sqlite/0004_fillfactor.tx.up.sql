-- SQLite replaces a row where it is.
SELECT 1;
