set -e
[ "$(build/area 2 3.5)" = 7.00 ]
[ "$(build/area 2)" = 12.57 ]
[ "$(build/area)" = '4 sides' ]
touch -d '2001-01-01' build/*.o build/area
touch -d '2000-01-01' ./*.c ./*.h
make -q build/area
touch -d '2002-01-01' shapes.h
! make -q build/area
echo ok
