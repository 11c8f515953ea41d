-- What a household may say of a person's body, for body composition (gateway/body.py); none of it ever leaves the home.
ALTER TABLE subjects ADD COLUMN height_cm INTEGER;
ALTER TABLE subjects ADD COLUMN birth_year INTEGER;
ALTER TABLE subjects ADD COLUMN sex TEXT CHECK (sex IN ('female', 'male'));
