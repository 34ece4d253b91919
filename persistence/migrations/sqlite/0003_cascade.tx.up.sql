-- SQLite looks a node up in no time: its foreign key stays.
SELECT 1;
